using Dac.Contracts;
using Dac.Hosting;
using Dac.Scheduler;
using Dac.SystemTests.Fixtures;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using RabbitMQ.Client;

namespace Dac.SystemTests.Scheduler;

public sealed class ResultBacklogTests(RabbitMq rabbit)
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task Results_in_the_broker_hold_up_the_audit_by_how_long_ago_their_queue_was_seen_empty_twice_in_a_row()
    {
        await using var vhost = await rabbit.CreateVhostAsync();
        await using var connection = await new ConnectionFactory { Uri = vhost.Uri }.CreateConnectionAsync(Cancel);
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true), Cancel);
        await channel.QueueDeclareAsync(Queues.ProbeResult, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" }, cancellationToken: Cancel);
        await using var backlog = Backlog(vhost.Uri);
        Assert.Null(await AgeAsync(backlog));
        Assert.Equal(TimeSpan.Zero, await AgeAsync(backlog));

        await channel.BasicPublishAsync("", Queues.ProbeResult, "{}"u8.ToArray(), Cancel);
        await Poll.UntilAsync("the result waits", async () => await channel.MessageCountAsync(Queues.ProbeResult, Cancel) == 1);
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(TimeSpan.FromMinutes(1), await AgeAsync(backlog));
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(TimeSpan.FromMinutes(2), await AgeAsync(backlog));
        await using var afterRestart = Backlog(vhost.Uri);
        Assert.Null(await AgeAsync(afterRestart));

        await channel.QueuePurgeAsync(Queues.ProbeResult, Cancel);
        Assert.Equal(TimeSpan.FromMinutes(2), await AgeAsync(backlog));
        Assert.Equal(TimeSpan.Zero, await AgeAsync(backlog));
    }

    [Fact]
    public async Task Without_an_answer_of_the_broker_nothing_is_known()
    {
        await using var backlog = Backlog(new Uri("amqp://dac:dac@127.0.0.1:9/"));
        Assert.False(await backlog.LookAsync(Cancel));
    }

    private static async Task<TimeSpan?> AgeAsync(ResultBacklog backlog)
    {
        Assert.True(await backlog.LookAsync(Cancel));
        return backlog.Age;
    }

    private ResultBacklog Backlog(Uri broker)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("ConnectionStrings:Broker", broker.ToString())]).Build();
        // Never started: over RabbitMQ it is only asked whether it is the in-memory one.
        var bus = new PublishBus(new ServiceCollection().BuildServiceProvider(), configuration, new BusParts("test"), Options.Create(new TopologyOptions()), _time, NullLoggerFactory.Instance);
        return new ResultBacklog(configuration, bus, _time, NullLogger<ResultBacklog>.Instance);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;
}
