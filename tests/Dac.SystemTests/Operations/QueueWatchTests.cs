using System.Diagnostics.Metrics;
using Dac.Contracts;
using Dac.Hosting;
using Dac.Scheduler;
using Dac.SystemTests.Fixtures;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Dac.SystemTests.Operations;

public sealed class QueueWatchTests(RabbitMq rabbit)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Queues_have_the_consumers_that_read_them_and_one_that_is_not_there_has_none()
    {
        await using var vhost = await rabbit.CreateVhostAsync();
        await using var connection = await new ConnectionFactory { Uri = vhost.Uri }.CreateConnectionAsync(Cancel);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: Cancel);
        foreach (var queue in new[] { Queues.ProbeUrl("default", 0), Queues.ProbeUrl("default", 1), Queues.ProbeResult })
            await channel.QueueDeclareAsync(queue, true, false, false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" }, cancellationToken: Cancel);
        await channel.BasicConsumeAsync(Queues.ProbeUrl("default", 0), false, new AsyncEventingBasicConsumer(channel), Cancel);
        await channel.BasicPublishAsync("", Queues.ProbeResult, new byte[1], Cancel);
        await using var watch = Watch(vhost.Uri);
        foreach (var partition in new[] { 0, 1, 2 })
            watch.Used("default", partition);

        await Poll.UntilAsync("the broker tells", async () =>
        {
            await new QueueWatchJob(watch).Execute(null!, Cancel);
            var figures = Figures();
            return figures.GetValueOrDefault("dac.partition.consumers default 0") == 1 && figures.GetValueOrDefault("dac.queue.messages probe-result") == 1
                && figures.GetValueOrDefault("dac.partition.consumers default 1", -1) == 0 && figures.GetValueOrDefault("dac.partition.consumers default 2", -1) == 0;
        });
    }

    [Fact]
    public async Task A_broker_that_does_not_answer_leaves_no_figures()
    {
        await using var watch = Watch(new Uri("amqp://dac:dac@127.0.0.1:9/"));
        watch.Used("nowhere", 7);
        await new QueueWatchJob(watch).Execute(null!, Cancel);
        Assert.DoesNotContain("dac.partition.consumers nowhere 7", Figures().Keys);
    }

    private static QueueWatch Watch(Uri broker) =>
        new(new ConfigurationBuilder().AddInMemoryCollection([new("ConnectionStrings:Broker", broker.ToString())]).Build(), TimeProvider.System);

    private static Dictionary<string, long> Figures()
    {
        var figures = new Dictionary<string, long>();
        using var listener = new MeterListener { InstrumentPublished = (instrument, me) => { if (instrument.Meter == Telemetry.Meter) me.EnableMeasurementEvents(instrument); } };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => figures[string.Join(' ', [instrument.Name, .. tags.ToArray().Select(t => $"{t.Value}")])] = value);
        listener.Start();
        listener.RecordObservableInstruments();
        return figures;
    }
}
