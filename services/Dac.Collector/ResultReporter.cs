using System.Diagnostics.Metrics;
using System.Threading.Channels;
using Dac.Contracts;
using Dac.Hosting;
using Microsoft.Extensions.Options;

namespace Dac.Collector;

/// <summary>
/// Publishes results, batched by count and by time, and confirmed. While the broker takes none they wait in a bounded buffer; what does not fit is counted
/// and ends in the ledger as missed(lost).
/// </summary>
public sealed partial class ResultReporter : BackgroundService
{
    /// <summary>Messages under way at once.</summary>
    private const int Parallel = 8;

    /// <summary>Bytes of text that are set aside for a message beforehand, at most; from 85,000 on .NET clears memory away seldom.</summary>
    private const int MaxSize = 80_000;

    private static readonly TimeSpan SendDeadline = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(500);
    private static readonly Counter<long> Reported = Telemetry.Meter.CreateCounter<long>("dac.results.reported", "{result}", "Results confirmed by the broker");
    private static readonly Counter<long> Dropped = Telemetry.Meter.CreateCounter<long>("dac.results.dropped", "{result}", "Results for which the buffer had no room");

    private readonly Channel<Batch> _buffer = Channel.CreateUnbounded<Batch>();
    private readonly Lock _lock = new();
    private readonly PublishBus _bus;
    private readonly ClockOffset _clock;
    private readonly CollectorOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<ResultReporter> _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _giveUp = new();
    private Batch? _open;
    private int _bytes = 1_024;
    private long _waiting;
    private bool _failing;
    private bool _dropping;

    public ResultReporter(PublishBus bus, ClockOffset clock, IOptions<CollectorOptions> options, TimeProvider time, ILogger<ResultReporter> logger)
    {
        (_bus, _clock, _options, _time, _logger) = (bus, clock, options.Value, time, logger);
        Telemetry.Meter.CreateObservableGauge("dac.results.waiting", () => Waiting, "{result}", "Results not yet confirmed by the broker");
    }

    /// <summary>Results not yet confirmed.</summary>
    public long Waiting => Interlocked.Read(ref _waiting);

    /// <summary>Takes a result; <paramref name="reported"/> is called when the broker has confirmed it, or when there was no room for it.</summary>
    public void Report(ProbeResult result, Action reported)
    {
        if (TryAdd(result, reported))
            return;
        Dropped.Add(1);
        if (!Interlocked.Exchange(ref _dropping, true))
            LogDropping(_logger, _options.ReportBuffer);
        reported();
    }

    // As text from here on: what the broker does not take must not be objects by the hundred thousand.
    private bool TryAdd(ProbeResult result, Action reported)
    {
        lock (_lock)
        {
            if (_waiting >= _options.ReportBuffer)
                return false;
            if (_open is null && !_buffer.Writer.TryWrite(_open = new Batch(_bytes)))
            {
                _open = null;
                return false;
            }
            _open.Results.Add(result);
            _open.Reported.Add(reported);
            Interlocked.Increment(ref _waiting);
            if (_open.Results.Count >= _options.ReportSize)
                _open = null;
            return true;
        }
    }

    /// <summary>Publishes what is left, as far as the host's stop timeout allows.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _buffer.Writer.TryComplete();
        await _stopping.CancelAsync();
        await using var stop = cancellationToken.Register(_giveUp.Cancel);
        await (ExecuteTask ?? Task.CompletedTask).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (Waiting > 0)
            LogLeft(_logger, Waiting);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _stopping.Dispose();
        _giveUp.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Until the buffer is completed and empty, not until stopping.
        while (await MoreAsync())
        {
            if (_buffer.Reader.Count == 1 && Volatile.Read(ref _open) is not null)
                await Task.Delay(_options.ReportDelay, _time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            var batches = new List<Batch>(1);
            while (batches.Count < Parallel && _buffer.Reader.TryRead(out var batch))
                batches.Add(batch);
            await Task.WhenAll(batches.Select(SendAsync));
        }
    }

    private async Task<bool> MoreAsync()
    {
        try
        {
            return await _buffer.Reader.WaitToReadAsync(_giveUp.Token);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private PackedList<ProbeResult> Close(Batch batch)
    {
        lock (_lock)
        {
            if (_open == batch)
                _open = null;
            // The next one will be as large, about: a tenth more, so that it need not be moved for being a little larger.
            var results = batch.Results.Pack(out var bytes);
            _bytes = Math.Clamp(bytes + bytes / 10, 1_024, MaxSize);
            return results;
        }
    }

    private async Task SendAsync(Batch batch)
    {
        var message = new ProbeResultBatch { Location = _options.Location, Collector = _options.Name, ClockOffsetMs = _clock.Ms, Results = Close(batch) };
        while (!await TrySendAsync(message))
        {
            if (_giveUp.IsCancellationRequested)
                return;
            await Task.Delay(RetryDelay, _time, _giveUp.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        Interlocked.Add(ref _waiting, -batch.Reported.Count);
        Reported.Add(batch.Reported.Count);
        batch.Reported.ForEach(reported => reported());
    }

    private async Task<bool> TrySendAsync(ProbeResultBatch message)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(_giveUp.Token);
        deadline.CancelAfter(SendDeadline);
        var outcome = await _bus.SendAsync(Queues.ProbeResult, message, null, deadline.Token);
        var failing = outcome.Sent != Sent.Confirmed;
        if (failing && !_failing)
            LogFailing(_logger, outcome.Reason);
        else if (!failing && _failing)
            LogRecovered(_logger);
        _failing = failing;
        _dropping &= failing;
        return !failing;
    }

    /// <summary>Results of one message, and whom to tell that they are confirmed.</summary>
    private sealed class Batch(int bytes)
    {
        public PackedList<ProbeResult>.Packer Results { get; } = new(bytes);

        public List<Action> Reported { get; } = [];
    }

    [LoggerMessage(LogLevel.Warning, "The broker takes no results, they wait: {Reason}")]
    private static partial void LogFailing(ILogger logger, string reason);

    [LoggerMessage(LogLevel.Error, "Over {Limit} results wait, there is no room for more: their slots will be missed(lost)")]
    private static partial void LogDropping(ILogger logger, int limit);

    [LoggerMessage(LogLevel.Information, "The broker takes results again")]
    private static partial void LogRecovered(ILogger logger);

    [LoggerMessage(LogLevel.Error, "{Results} results could not be published before the stop; their slots are missed(lost) unless another collector probes them")]
    private static partial void LogLeft(ILogger logger, long results);
}
