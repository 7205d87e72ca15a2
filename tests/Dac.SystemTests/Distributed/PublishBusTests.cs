using System.Text.Json;
using Dac.Contracts;
using Dac.Hosting;
using Dac.SystemTests.Fixtures;
using Microsoft.Extensions.Time.Testing;

namespace Dac.SystemTests.Distributed;

[Collection(nameof(DistributedTests.Alone))]
public sealed class PublishBusTests
{
    private static readonly ProbeResultBatch Batch = new()
    {
        Location = "default",
        Collector = "test",
        Results = [new ProbeResult { TargetId = 1, ScheduledAtMs = 0, Outcome = Outcome.Up }],
    };

    [Fact]
    public async Task A_connection_on_which_nothing_is_confirmed_is_made_anew_and_sends_again()
    {
        await using var rabbit = new RabbitMq();
        await using var vhost = await rabbit.CreateVhostAsync();
        var time = new FakeTimeProvider();
        using var host = Publisher(vhost, time);
        await host.StartAsync(Cancel);
        var bus = host.Services.GetRequiredService<PublishBus>();
        await Poll.UntilAsync("a send is confirmed", async () => await SendAsync(bus) == Sent.Confirmed);
        // The broker reads nothing any more of a connection that publishes.
        await rabbit.ControlAsync("set_vm_memory_high_watermark", "0.0001");
        Assert.Equal(Sent.Unknown, await SendAsync(bus));
        // The management tells of a connection some seconds after it was made.
        await Poll.UntilAsync("the connection is listed", async () => (await ConnectionsAsync(vhost)).Count > 0);
        var old = Assert.Single(await ConnectionsAsync(vhost));
        time.Advance(PublishBus.RecycleAfter - TimeSpan.FromSeconds(1));
        Assert.Equal(Sent.Unknown, await SendAsync(bus));
        Assert.Equal(old, Assert.Single(await ConnectionsAsync(vhost)));

        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(Sent.Unknown, await SendAsync(bus));

        await Poll.UntilAsync("there is another connection", async () => (await ConnectionsAsync(vhost)).Any(name => name != old), TimeSpan.FromSeconds(60));
        await rabbit.ControlAsync("set_vm_memory_high_watermark", "0.6");
        await Poll.UntilAsync("a send is confirmed again", async () => await SendAsync(bus) == Sent.Confirmed, TimeSpan.FromSeconds(60));
        await host.StopAsync(Cancel);
    }

    private static IHost Publisher(Vhost vhost, TimeProvider time)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Configuration["ConnectionStrings:Broker"] = vhost.Uri.ToString();
        builder.Services.AddSingleton(time);
        builder.Services.AddSingleton(new BusParts("test"));
        builder.AddTopology();
        builder.AddPublishing();
        return builder.Build();
    }

    private static async Task<Sent> SendAsync(PublishBus bus)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        return (await bus.SendAsync(Queues.ProbeResult, Batch, null, deadline.Token)).Sent;
    }

    // The broker's name for it has both ports.
    private static async Task<List<string>> ConnectionsAsync(Vhost vhost)
    {
        var connections = await vhost.Management.GetFromJsonAsync<JsonElement>(new Uri($"vhosts/{vhost.Uri.AbsolutePath.Trim('/')}/connections", UriKind.Relative), Cancel);
        return [.. connections.EnumerateArray().Select(c => c.GetProperty("name").GetString()!)];
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;
}
