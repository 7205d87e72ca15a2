using System.Net;
using Dac.Collector;
using Dac.Collector.Probing;
using Dac.Contracts;
using Dac.Tests.Collector.Hostile;

namespace Dac.Tests.Collector;

/// <summary>Every way of writing the metadata address and loopback, as the target, behind a redirect and behind a name: none is connected to.</summary>
public sealed class EgressFormsTests
{
    public static TheoryData<string> Hosts =>
    [
        // 169.254.169.254
        "169.254.169.254", "169.254.169.254.", "2852039166", "0xA9FEA9FE", "0xa9fea9fe", "025177524776", "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376", "0XA9.0XFE.0XA9.0XFE",
        "169.254.43518", "169.16689662", "0xa9.254.0251.254", "169.0xfea9fe", "169.254.0xa9fe", "00000251.0376.0000251.0376", "%31%36%39.254.169.254", "169%2e254%2e169%2e254",
        "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[::FFFF:A9FE:A9FE]", "[0:0:0:0:0:ffff:a9fe:a9fe]", "[0000:0000:0000:0000:0000:ffff:a9fe:a9fe]", "[::169.254.169.254]",
        "[::a9fe:a9fe]", "[64:ff9b::169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a9fe:a9fe]", "[64:ff9b:1:fffe::169.254.169.254]", "[2002:a9fe:a9fe::]", "[2002:a9fe:a9fe::1]",
        "[2002:A9FE:A9FE:0:0:0:0:1]", "[fe80::1]", "[fe80::1%25lo]", "[fe80::1%251]", "[fe80::a9fe:a9fe]", "[febf::1]", "[fd00:ec2::254]", "[FD00:0EC2:0:0:0:0:0:0254]", "100.100.100.200", "1684301000",
        "\uFF11\uFF16\uFF19.254.169.254", "169\u3002254\u3002169\u3002254",
        // loopback, and this host by other addresses
        "127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "127.255.255.254", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1", "0177.1", "0.0.0.0", "0", "0x0", "[::1]",
        "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "localhost", "LOCALHOST", "localhost.", "metadata.example",
    ];

    [Theory]
    [MemberData(nameof(Hosts))]
    public async Task No_way_of_writing_a_denied_address_leads_to_it(string host)
    {
        var asked = 0;
        using var names = LocalNameServer.Start(name => { Interlocked.Increment(ref asked); return [IPAddress.Parse("169.254.169.254"), IPAddress.Parse("::ffff:127.0.0.1")]; });
        await using var redirect = HostileServer.Start(async c => { await c.RequestAsync(); await c.SayAsync($"HTTP/1.1 307 Go\r\nLocation: http://{host}/latest/\r\n\r\n"); });
        var options = new CollectorOptions { MultiTenant = true, AllowedNetworks = $"127.0.0.1/32@{names.Port},127.0.0.1/32@{redirect.Port}" };
        if (Uri.TryCreate($"http://{host}/", UriKind.Absolute, out var url) && IPAddress.TryParse(url.IdnHost, out var address))
            Assert.True(new EgressGuard(options).Denies(address, 80), $"{address} would be connected to");
        // What is read as a name is asked of the test's own server, so that nothing leaves the machine.
        Assert.Contains(await ProbeAsync($"http://{host}/", options, names), new[] { Outcome.Denied, Outcome.Unprobeable });
        if (host.All(char.IsAscii))
            Assert.Contains(await ProbeAsync($"http://127.0.0.1:{redirect.Port}/", options, names), new[] { Outcome.Denied, Outcome.BadStatus });
    }

    [Fact]
    public void There_are_forty_ways_and_more() => Assert.True(Hosts.Count >= 60);

    [Theory]
    [InlineData("10.0.0.0/8", "", "10.1.2.3", 80, true)]
    [InlineData("10.0.0.0/8@22", "", "10.1.2.3", 80, false)]
    [InlineData("10.0.0.0/8@22", "", "10.1.2.3", 22, true)]
    [InlineData("0.0.0.0/0@1-1023", "", "192.0.2.1", 443, true)]
    [InlineData("0.0.0.0/0@1-1023", "0.0.0.0/0@443", "192.0.2.1", 443, false)]
    [InlineData("0.0.0.0/0,::/0", "192.0.2.0/24", "192.0.2.7", 80, false)]
    [InlineData("0.0.0.0/0,::/0", "192.0.2.0/24", "192.0.3.7", 80, true)]
    [InlineData("169.254.0.0/16", "::/0", "::ffff:169.254.169.254", 80, true)]
    [InlineData("169.254.0.0/16", "169.254.169.254/32", "::ffff:169.254.169.254", 80, false)]
    public void What_is_allowed_counts_for_more_than_what_is_denied(string denied, string allowed, string address, int port, bool expected) =>
        Assert.Equal(expected, new EgressGuard(new CollectorOptions { DeniedNetworks = denied, AllowedNetworks = allowed }).Denies(IPAddress.Parse(address), port));

    [Theory]
    [InlineData("10.0.0.0/8@22-", false)]
    [InlineData("10.0.0.0/8@0", false)]
    [InlineData("10.0.0.0/8@90-80", false)]
    [InlineData("10.0.0.0", false)]
    [InlineData("10.0.0.0/8@22, ::/0@1-65535", true)]
    public void A_rule_that_is_none_refuses_the_start(string rules, bool valid) => Assert.Equal(valid, new NetworksAttribute().IsValid(rules));

    private static async Task<Outcome> ProbeAsync(string url, CollectorOptions options, LocalNameServer names)
    {
        var probe = new ProbeUrl { TargetId = 1, ScheduledAtMs = 0, Url = url, TimeoutMs = 10_000, ToleranceMs = 500, Network = new() { Resolver = names.Address } };
        var measurement = new Measurement(TimeProvider.System);
        using var timeout = new CancellationTokenSource(probe.TimeoutMs);
        await Probers.Http(options).ProbeAsync(probe, measurement, timeout.Token);
        return measurement.ToResult(probe, 0, ProbeRemarks.None).Outcome;
    }
}
