using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Dac.Contracts;
using Dac.Hosting;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Dac.Scheduler;

/// <summary>
/// How many consumers the command queues have that this scheduler publishes to, and what waits in the queue of results: asked by passive declares, which need
/// neither plugin nor rights of management. A broker that does not answer leaves no figures behind.
/// </summary>
public sealed class QueueWatch : IAsyncDisposable
{
    /// <summary>For all queues of a run; a passive declare is a millisecond.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(5);

    /// <summary>A queue to which nothing was published for so long is not watched any more.</summary>
    private static readonly TimeSpan Forget = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<(string Location, int Partition), long> _used = new();
    private readonly IConfiguration _configuration;
    private readonly TimeProvider _time;
    private volatile IReadOnlyList<Measurement<long>> _consumers = [];
    private volatile IReadOnlyList<Measurement<long>> _messages = [];
    private IConnection? _connection;

    public QueueWatch(IConfiguration configuration, TimeProvider time)
    {
        (_configuration, _time) = (configuration, time);
        Telemetry.Meter.CreateObservableGauge("dac.partition.consumers", () => _consumers, "{consumer}", "Collectors that read a command queue which this scheduler publishes to");
        Telemetry.Meter.CreateObservableGauge("dac.queue.messages", () => _messages, "{message}", "Messages that wait to be taken");
    }

    /// <summary>Something is published to a command queue.</summary>
    public void Used(string location, int partition) => _used[(location, partition)] = _time.GetTimestamp();

    /// <summary>Asks the broker; nothing to ask where there is none.</summary>
    public async Task ReadAsync(CancellationToken cancellationToken)
    {
        if (_configuration["ConnectionStrings:Broker"] is not { Length: > 0 } broker)
            return;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Deadline);
        try
        {
            if (_connection is not { IsOpen: true })
            {
                await DisposeAsync();
                _connection = await BrokerClient.Factory(broker, "scheduler queues").CreateConnectionAsync(deadline.Token);
            }
            var consumers = new List<Measurement<long>>();
            foreach (var ((location, partition), at) in _used)
            {
                if (_time.GetElapsedTime(at) > Forget)
                    _used.TryRemove((location, partition), out _);
                else
                    consumers.Add(new((await AskAsync(Queues.ProbeUrl(location, partition), deadline.Token))?.ConsumerCount ?? 0, new("location", location), new("partition", partition)));
            }
            var results = await AskAsync(Queues.ProbeResult, deadline.Token);
            (_consumers, _messages) = (consumers, [new(results?.MessageCount ?? 0, new KeyValuePair<string, object?>("queue", Queues.ProbeResult))]);
        }
        catch (Exception e) when (e is RabbitMQClientException or OperationCanceledException or IOException && !cancellationToken.IsCancellationRequested)
        {
            (_consumers, _messages) = ([], []);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
            await _connection.DisposeAsync();
        _connection = null;
    }

    // A queue that is not there ends the channel: one for each question.
    private async Task<QueueDeclareOk?> AskAsync(string queue, CancellationToken cancellationToken)
    {
        await using var channel = await _connection!.CreateChannelAsync(cancellationToken: cancellationToken);
        try
        {
            return await channel.QueueDeclarePassiveAsync(queue, cancellationToken);
        }
        catch (OperationInterruptedException e) when (e.ShutdownReason?.ReplyCode == Constants.NotFound)
        {
            return null;
        }
    }
}
