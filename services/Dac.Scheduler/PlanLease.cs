using Dac.Contracts;
using Dac.Hosting;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Dac.Scheduler;

/// <summary>
/// The right to plan without asking the database: an exclusive queue of the broker, which goes with its holder's connection. A scheduler whose database answers takes it so that
/// nobody plans beside it; whoever's database does not answer gives it up, and goes on only if nobody else has taken it. A holder that is killed has lost it at once, one that hangs or is cut off
/// within 10 s. Without a broker there is one scheduler, and the right is its own.
/// </summary>
public sealed class PlanLease(IConfiguration configuration) : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(5);

    /// <summary>What the broker gets to say goodbye; the client's own 5 s would be longer than the plan runs ahead.</summary>
    private static readonly TimeSpan Goodbye = TimeSpan.FromMilliseconds(200);

    private IConnection? _connection;
    private IChannel? _channel;
    private Task<bool>? _attempt;
    private volatile bool _holds;

    /// <summary>Takes the lease, or keeps it; false where another node has it, or the broker does not answer within a second.</summary>
    public async Task<bool> HoldAsync(CancellationToken cancellationToken)
    {
        if (configuration["ConnectionStrings:Broker"] is not { Length: > 0 } broker || (_holds && _connection is { IsOpen: true }))
            return true;
        // The client takes its time to give up a broker that hangs: planning must not wait for it, nor ask beside it.
        if (_attempt is null)
        {
            _attempt = TakeAsync(broker, cancellationToken);
            await ((Task)_attempt).WaitAsync(Deadline, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        if (_attempt is not { IsCompleted: true } attempt)
            return false;
        _attempt = null;
        // One that nobody waited for may have been lost again since.
        return await attempt && _connection is { IsOpen: true };
    }

    private async Task<bool> TakeAsync(string broker, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Deadline);
        try
        {
            var channel = await OpenAsync(broker, deadline.Token);
            if (await IsTakenAsync(channel, deadline.Token))
                return false;
            await channel.QueueDeclareAsync(Queues.PlanLease, durable: false, exclusive: true, autoDelete: false, new Dictionary<string, object?> { ["x-max-length"] = 0 }, cancellationToken: deadline.Token);
            return _holds = true;
        }
        catch (Exception e) when (e is RabbitMQClientException or OperationCanceledException or IOException && !cancellationToken.IsCancellationRequested)
        {
            await DisposeAsync();
            return false;
        }
    }

    /// <summary>Gives the lease up.</summary>
    public async Task ReleaseAsync()
    {
        if (_holds)
            await DisposeAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _holds = false;
        _channel = null;
        if (Interlocked.Exchange(ref _connection, null) is not { } connection)
            return;
        await connection.AbortAsync(Goodbye);
        await connection.DisposeAsync();
    }

    // Declaring what is another's is an error in the broker's log, once a second; a message that finds no queue is not.
    private static async Task<bool> IsTakenAsync(IChannel channel, CancellationToken cancellationToken)
    {
        try
        {
            await channel.BasicPublishAsync("", Queues.PlanLease, mandatory: true, body: default, cancellationToken);
            return true;
        }
        catch (PublishException)
        {
            return false;
        }
    }

    private async Task<IChannel> OpenAsync(string broker, CancellationToken cancellationToken)
    {
        if (_channel is { IsOpen: true })
            return _channel;
        await DisposeAsync();
        var factory = BrokerClient.Factory(broker, "scheduler lease");
        factory.RequestedHeartbeat = Heartbeat;
        _connection = await factory.CreateConnectionAsync(cancellationToken);
        return _channel = await _connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true), cancellationToken);
    }
}
