using Dac.Contracts;
using Dac.Hosting;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Dac.Scheduler;

/// <summary>
/// How long results wait to be written, in the broker or the in-memory bus. Best effort: what a writer holds, or a collector, is not seen.
/// </summary>
public sealed partial class ResultBacklog(IConfiguration configuration, PublishBus bus, TimeProvider time, ILogger<ResultBacklog> logger) : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    /// <summary>From this age on it is told, and as often.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly long _start = time.GetTimestamp();
    private IConnection? _connection;
    private long? _taken, _told;
    // What the in-memory bus had been sent, and when: once so much is taken, all of it is.
    private (long Sent, long At) _mark = (0, time.GetTimestamp());

    /// <summary>
    /// All results sent longer ago than this were taken by a writer: zero where none wait, <see cref="TimeSpan.MaxValue"/> where some have waited ever since the start. Null where
    /// the broker does not answer.
    /// </summary>
    public async Task<TimeSpan?> AgeAsync(CancellationToken cancellationToken)
    {
        var now = time.GetTimestamp();
        if (bus.Passed(Queues.ProbeResult) is { } passed)
            Note(passed.Sent, passed.Taken, now);
        else if (await CountAsync(cancellationToken) is not { } messages)
            return null;
        else if (messages == 0)
            _taken = now;
        var age = time.GetElapsedTime(_taken ?? _start, now);
        if (age >= Patience && (_told is not { } told || time.GetElapsedTime(told, now) >= Patience))
        {
            _told = now;
            LogAge(logger, Queues.ProbeResult, (int)age.TotalMinutes);
        }
        return _taken is null ? TimeSpan.MaxValue : age;
    }

    private void Note(long sent, long taken, long now)
    {
        if (taken >= _mark.Sent)
            (_taken, _mark) = (_mark.At, (sent, now));
        if (taken >= sent)
            _taken = now;
    }

    private async Task<uint?> CountAsync(CancellationToken cancellationToken)
    {
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
            return (await channel.QueueDeclarePassiveAsync(Queues.ProbeResult, deadline.Token)).MessageCount;
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

    [LoggerMessage(LogLevel.Warning, "Results have waited in {Queue} for up to {Minutes} minutes, and windows are closed so much later. Look at the writer and its database")]
    private static partial void LogAge(ILogger logger, string queue, int minutes);
}
