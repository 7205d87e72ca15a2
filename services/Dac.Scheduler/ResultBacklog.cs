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

    /// <summary>How long a result waits at its sender where the in-memory bus refuses it: what a sender holds by default, at 3,000/s. It may be longer, but not for ever.</summary>
    private static readonly TimeSpan HeldBySender = TimeSpan.FromSeconds(30);

    private readonly long _start = time.GetTimestamp();
    private IConnection? _connection;
    private bool _wasEmpty;
    private long? _taken, _told;
    // What the in-memory bus had been sent, and when: once so much is taken, all of it is. Where it had refused anything just before, its sender had that still.
    private (long Sent, long Refused, long At, bool Clean) _mark = (0, 0, time.GetTimestamp(), true);

    /// <summary>All results sent longer ago than this were taken by a writer, as far as was seen; null: some may have waited ever since the start.</summary>
    public TimeSpan? Age => _taken is { } taken ? time.GetElapsedTime(taken) : null;

    /// <summary>Looks how far the writers have come; false where the broker does not answer.</summary>
    public async Task<bool> LookAsync(CancellationToken cancellationToken)
    {
        var now = time.GetTimestamp();
        if (bus.Passed(Queues.ProbeResult) is { } passed)
            Note(passed.Sent, passed.Taken, passed.Refused, now);
        else if (await CountAsync(cancellationToken) is { } messages)
            Note(messages == 0, now);
        else
            return false;
        var age = time.GetElapsedTime(_taken ?? _start, now);
        if (age >= Patience && (_told is not { } told || time.GetElapsedTime(told, now) >= Patience))
        {
            _told = now;
            LogAge(logger, Queues.ProbeResult, (int)age.TotalMinutes);
        }
        return true;
    }

    // Twice in a row: RabbitMQ says 0 also of a quorum queue whose leader does not answer in time.
    private void Note(bool isEmpty, long now)
    {
        if (isEmpty && _wasEmpty)
            _taken = now;
        _wasEmpty = isEmpty;
    }

    private void Note(long sent, long taken, long refused, long now)
    {
        var clean = refused == _mark.Refused;
        if (taken >= sent && clean)
            _taken = now;
        else if (taken >= _mark.Sent)
            _taken = Math.Max(_taken ?? 0, _mark.At - (_mark.Clean ? 0 : (long)(HeldBySender.TotalSeconds * time.TimestampFrequency)));
        if (taken >= _mark.Sent)
            _mark = (sent, refused, now, clean);
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
