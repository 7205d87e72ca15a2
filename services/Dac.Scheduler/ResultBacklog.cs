using Dac.Contracts;
using Dac.Hosting;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Dac.Scheduler;

/// <summary>
/// Whether results wait to be written, in the broker or the in-memory bus. Best effort: what a writer holds, or a collector, is not seen.
/// </summary>
public sealed partial class ResultBacklog(IConfiguration configuration, PublishBus bus, TimeProvider time, ILogger<ResultBacklog> logger) : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    /// <summary>How often it is told that results wait, and the ledger with them.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private IConnection? _connection;
    private long? _since, _told;

    /// <summary>Whether none wait. Null where the broker does not answer.</summary>
    public async Task<bool?> IsEmptyAsync(CancellationToken cancellationToken)
    {
        var isEmpty = await LookAsync(cancellationToken);
        var now = time.GetTimestamp();
        if (isEmpty != false)
            (_since, _told) = (null, null);
        else if (_since is not { } since || _told is not { } told)
            (_since, _told) = (now, now);
        else if (time.GetElapsedTime(told, now) >= Patience)
        {
            _told = now;
            LogWait(logger, Queues.ProbeResult, (int)time.GetElapsedTime(since, now).TotalMinutes);
        }
        return isEmpty;
    }

    private async Task<bool?> LookAsync(CancellationToken cancellationToken)
    {
        if (bus.Waiting(Queues.ProbeResult) is { } waiting)
            return waiting == 0;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Deadline);
        try
        {
            if (_connection is not { IsOpen: true })
            {
                await DisposeAsync();
                _connection = await BrokerClient.Factory(configuration["ConnectionStrings:Broker"]!, "scheduler audit").CreateConnectionAsync(deadline.Token);
            }
            await using var channel = await _connection.CreateChannelAsync(cancellationToken: deadline.Token);
            return (await channel.QueueDeclarePassiveAsync(Queues.ProbeResult, deadline.Token)).MessageCount == 0;
        }
        catch (Exception e) when (e is RabbitMQClientException or OperationCanceledException or IOException && !cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
            await _connection.DisposeAsync();
        _connection = null;
    }

    [LoggerMessage(LogLevel.Warning, "Results have waited in {Queue} for {Minutes} minutes: until they are written no window is closed. Look at the writer and its database")]
    private static partial void LogWait(ILogger logger, string queue, int minutes);
}
