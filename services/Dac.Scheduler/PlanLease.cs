using Dac.Contracts;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Dac.Scheduler;

/// <summary>
/// The right to plan while the database can't be asked who does: an exclusive queue of the broker, which goes with its holder's connection. A holder that is
/// killed has lost it at once, one that hangs or is cut off within 10 s. Without a broker there is one scheduler, and the right is its own.
/// </summary>
public sealed partial class PlanLease(IConfiguration configuration, ILogger<PlanLease> logger) : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(5);

    private IConnection? _connection;

    /// <summary>Takes the lease, or keeps it; false where another node has it, or the broker does not answer within a second.</summary>
    public async Task<bool> HoldAsync(CancellationToken cancellationToken)
    {
        if (configuration["ConnectionStrings:Broker"] is not { Length: > 0 } broker || _connection is { IsOpen: true })
            return true;
        await ReleaseAsync();
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Deadline);
        try
        {
            var factory = new ConnectionFactory { Uri = new Uri(broker), ClientProvidedName = "scheduler lease", AutomaticRecoveryEnabled = false, RequestedHeartbeat = Heartbeat };
            _connection = await factory.CreateConnectionAsync(deadline.Token);
            var channel = await _connection.CreateChannelAsync(cancellationToken: deadline.Token);
            await channel.QueueDeclareAsync(Queues.PlanLease, durable: false, exclusive: true, autoDelete: false, cancellationToken: deadline.Token);
            LogTaken(logger);
            return true;
        }
        catch (Exception e) when (e is RabbitMQClientException or OperationCanceledException or IOException && !cancellationToken.IsCancellationRequested)
        {
            await ReleaseAsync();
            return false;
        }
    }

    /// <summary>Gives the lease up.</summary>
    public async Task ReleaseAsync()
    {
        if (Interlocked.Exchange(ref _connection, null) is { } connection)
            await connection.DisposeAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await ReleaseAsync();

    [LoggerMessage(LogLevel.Warning, "This scheduler plans from memory until the database answers")]
    private static partial void LogTaken(ILogger logger);
}
