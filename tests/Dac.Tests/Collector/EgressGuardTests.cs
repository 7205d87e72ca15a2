using System.Net;
using Dac.Collector;
using Dac.Collector.Probing;
using Dac.Contracts;

namespace Dac.Tests.Collector;

/// <summary>By its verdict alone for addresses of the network; with loopback addresses as the denied ones where connections are made.</summary>
public sealed class EgressGuardTests
{
    [Theory]
    [InlineData("http://169.254.169.254/")]
    [InlineData("http://2852039166/")]
    [InlineData("http://0xA9FEA9FE/")]
    [InlineData("http://0xa9.0xfe.0xa9.0xfe/")]
    [InlineData("http://0251.0376.0251.0376/")]
    [InlineData("http://169.254.43518/")]
    [InlineData("http://169.16689662/")]
    [InlineData("http://[::ffff:169.254.169.254]/")]
    [InlineData("http://[::ffff:a9fe:a9fe]/")]
    [InlineData("http://[0:0:0:0:0:ffff:a9fe:a9fe]/")]
    [InlineData("http://[::169.254.169.254]/")]
    [InlineData("http://[64:ff9b::a9fe:a9fe]/")]
    [InlineData("http://[64:ff9b:1::a9fe:a9fe]/")]
    [InlineData("http://[2002:a9fe:a9fe::1]/")]
    [InlineData("http://[fe80::1]/")]
    [InlineData("http://[fd00:ec2::254]/")]
    [InlineData("http://[fd00:ec2::23]/")]
    [InlineData("http://[fd20:ce::254]/")]
    [InlineData("http://100.100.100.200/")]
    [InlineData("http://168.63.129.16/")]
    [InlineData("http://192.0.0.192/")]
    public void Link_local_and_metadata_addresses_are_denied_however_they_are_written(string url)
    {
        var host = new Uri(url).IdnHost;
        Assert.True(IPAddress.TryParse(host, out var address), $"{host} is read as a name");
        Assert.True(new EgressGuard(new CollectorOptions()).Denies(address, 80));
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    [InlineData("10.0.0.1")]
    [InlineData("93.184.215.14")]
    [InlineData("2001:db8::1")]
    [InlineData("2002:0a00:0001::1")]
    public void Other_addresses_are_not(string address) => Assert.False(new EgressGuard(new CollectorOptions()).Denies(IPAddress.Parse(address), 80));

    [Theory]
    [InlineData("168.63.129.16", 53)]
    [InlineData("fd00:ec2::253", 53)]
    public void The_name_servers_of_a_cloud_may_be_asked(string address, int port) => Assert.False(new EgressGuard(new CollectorOptions()).Denies(IPAddress.Parse(address), port));

    [Fact]
    public async Task A_denied_address_is_an_outcome_of_its_own_and_is_not_reached()
    {
        var reached = false;
        var (url, server) = await TestServer.HttpAsync(c => { reached = true; return Task.CompletedTask; });
        await using var _ = server;
        var result = await ProbeAsync(url, "127.0.0.0/8");
        Assert.Equal(Outcome.Denied, result.Outcome);
        Assert.Contains("127.0.0.1 is an address that this collector may not connect to", result.Error, StringComparison.Ordinal);
        Assert.False(reached);
    }

    [Fact]
    public async Task A_name_that_resolves_to_a_denied_address_is_denied()
    {
        var (url, server) = await TestServer.HttpAsync(c => Task.CompletedTask);
        await using var _ = server;
        Assert.Equal(Outcome.Denied, (await ProbeAsync(url.Replace("127.0.0.1", "localhost"), "127.0.0.0/8,::1/128")).Outcome);
    }

    [Fact]
    public async Task A_redirect_to_a_denied_address_is_denied()
    {
        var (url, server) = await TestServer.HttpAsync(c => { c.Response.Redirect("http://127.0.0.66:9/"); return Task.CompletedTask; });
        await using var _ = server;
        Assert.Equal(Outcome.Denied, (await ProbeAsync(url, "127.0.0.66/32")).Outcome);
    }

    private static async Task<ProbeResult> ProbeAsync(string url, string denied)
    {
        var probe = new ProbeUrl { TargetId = 1, ScheduledAtMs = 0, Url = url, TimeoutMs = 5_000, ToleranceMs = 500 };
        var measurement = new Measurement(TimeProvider.System);
        using var timeout = new CancellationTokenSource(probe.TimeoutMs);
        await Probers.Http(new CollectorOptions { DeniedNetworks = denied }).ProbeAsync(probe, measurement, timeout.Token);
        return measurement.ToResult(probe, 0, ProbeRemarks.None);
    }
}
