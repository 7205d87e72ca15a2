using Dac.Collector;
using Dac.Collector.Probing;
using Dac.Contracts;

namespace Dac.Tests.Collector;

/// <summary>
/// <see cref="IcmpProber"/> on loopback, where the kernel answers. Without the right to send ICMP the tests hold the prober to saying so.
/// </summary>
public sealed class IcmpProberTests
{
    [Theory]
    [InlineData("icmp://127.0.0.1", null)]
    [InlineData("icmp://127.0.0.77", null)]
    [InlineData("icmp://localhost", null)]
    [InlineData("icmp://[::ffff:127.0.0.1]", null)]
    [InlineData("icmp://127.0.0.1", 8)]
    [InlineData("icmp://127.0.0.1", 65_500)]
    [InlineData("icmp://[::1]", null)]
    public async Task An_echo_that_is_answered_is_up_with_its_round_trip(string url, int? payload)
    {
        var result = await ProbeOnce.RunAsync(url, p => p with { Icmp = new() { PayloadBytes = payload } });
        if (Forbidden(result) || (url.Contains("[::1]", StringComparison.Ordinal) && result.Outcome == Outcome.NetworkFault))
            return;
        Assert.Equal((Outcome.Up, payload ?? 56), (result.Outcome, result.Bytes!.Value));
        Assert.InRange(result.FirstByteUs!.Value, 1, result.TotalUs!.Value);
    }

    [Fact]
    public async Task Echoes_at_once_are_told_apart()
    {
        var results = await Task.WhenAll(Enumerable.Range(1, 200).Select(i => ProbeOnce.RunAsync($"icmp://127.0.0.{i}", p => p with { Icmp = new() { DontFragment = i % 2 == 0 } })));
        Assert.All(results, r => Assert.True(r.Outcome == Outcome.Up || Forbidden(r), r.Error));
    }

    [Fact]
    public async Task The_egress_guard_holds() =>
        Assert.Equal(Outcome.Denied, (await ProbeOnce.RunAsync("icmp://127.0.0.1", options: new CollectorOptions { DeniedNetworks = "127.0.0.0/8" })).Outcome);

    // The collector's own trouble, and never down.
    private static bool Forbidden(ProbeResult result) =>
        result.Outcome == Outcome.ResourceFault && result.Error!.Contains("net.ipv4.ping_group_range", StringComparison.Ordinal) && !Environment.IsPrivilegedProcess;
}
