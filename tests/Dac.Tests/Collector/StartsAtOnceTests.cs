using Dac.Collector;
using Dac.Collector.Probing;
using Dac.Contracts;

namespace Dac.Tests.Collector;

/// <summary>Which probes may be begun by the thread that begins all others.</summary>
public sealed class StartsAtOnceTests
{
    private static readonly IProber[] All = [.. Probers.All(new CollectorOptions())];

    [Theory]
    [InlineData("http")]
    [InlineData("https")]
    [InlineData("tcp")]
    [InlineData("tls")]
    public void A_plain_probe_over_a_socket_does(string scheme) => Assert.True(Starts(Probe(scheme)));

    [Theory]
    [InlineData("dns")]
    [InlineData("icmp")]
    [InlineData("ws")]
    [InlineData("wss")]
    [InlineData("grpc")]
    [InlineData("grpcs")]
    public void What_may_block_or_is_left_to_a_library_does_not(string scheme) => Assert.False(Starts(Probe(scheme)));

    [Fact]
    public void What_is_left_to_the_frameworks_client_does_not() =>
        Assert.All([new HttpOptions { Version = "2" }, new() { Version = "3" }, new() { Proxy = "http://127.0.0.1:3128" }], http => Assert.False(Starts(Probe("http") with { Http = http })));

    [Fact]
    public void What_reads_secrets_does_not()
    {
        var headers = new Dictionary<string, string> { ["x-key"] = "file:key" };
        Assert.All(
            [new HttpOptions { Bearer = "file:key" }, new() { BasicUser = "me", BasicPassword = "file:key" }, new() { SecretHeaders = headers }],
            http => Assert.False(Starts(Probe("http") with { Http = http })));
        Assert.All([new TlsOptions { Ca = "file:ca" }, new() { ClientCertificate = "file:own" }], tls => Assert.All(["https", "tls"], s => Assert.False(Starts(Probe(s) with { Tls = tls }))));
    }

    private static bool Starts(ProbeUrl probe) => All.Single(p => p.Schemes.Contains(probe.Url.Split(':')[0])).StartsAtOnce(probe);

    private static ProbeUrl Probe(string scheme) => new() { TargetId = 1, ScheduledAtMs = 0, Url = $"{scheme}://127.0.0.1/", TimeoutMs = 1_000, ToleranceMs = 500 };
}
