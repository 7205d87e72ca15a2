using System.Net;
using Dac.Contracts;
using Dac.Tests.Collector.Hostile;

namespace Dac.Tests.Collector;

/// <summary>From a name to a connection, as the target wants it.</summary>
public sealed class NetworkOptionsTests : HttpTests
{
    [Fact]
    public async Task A_name_server_of_the_targets_own_is_asked()
    {
        await using var server = await StartAsync(c => c.Response.WriteAsync("ok"));
        using var names = LocalNameServer.Start(name => name == "there.example" ? [IPAddress.Parse("::1"), IPAddress.Loopback] : null);
        var port = new Uri(server.Url).Port;
        var network = new NetworkOptions { Resolver = names.Address };
        foreach (var version in new[] { null, "4", "prefer4", "prefer6", "any" })
            Assert.Equal((Outcome.Up, version), ((await ProbeAsync($"http://there.example:{port}/", null, network: network with { IpVersion = version })).Outcome, version));
        Assert.Equal(Outcome.ConnectFailed, (await ProbeAsync($"http://there.example:{port}/", null, network: network with { IpVersion = "6" })).Outcome);
        Assert.Equal(Outcome.NameNotFound, (await ProbeAsync($"http://elsewhere.example:{port}/", null, network: network)).Outcome);
        Settings.DeniedNetworks = "127.0.0.0/8";
        Assert.Contains("name server", (await ProbeAsync($"http://there.example:{port}/", null, network: network, fresh: true)).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_server_that_does_not_answer_is_the_observers_fault()
    {
        using var names = LocalNameServer.Start(_ => [], () => Task.Delay(Timeout.Infinite));
        Assert.Equal(Outcome.ResolverFault, (await ProbeAsync("http://there.example/", null, network: new() { Resolver = names.Address }, timeoutMs: 400)).Outcome);
    }

    [Trait("slow", "yes")]
    [Fact]
    public async Task An_address_that_says_nothing_leaves_time_for_the_next()
    {
        await using var full = HostileServer.Full();
        // The same port at the second address.
        await using var server = await StartAsync(c => c.Response.WriteAsync("ok"), port: full.Port, address: IPAddress.Parse("127.0.0.7"));
        using var names = LocalNameServer.Start(_ => [IPAddress.Loopback, IPAddress.Parse("127.0.0.7")]);
        Assert.Equal(Outcome.Up, (await ProbeAsync($"http://there.example:{full.Port}/", null, network: new() { Resolver = names.Address }, timeoutMs: 4_000)).Outcome);
    }
}
