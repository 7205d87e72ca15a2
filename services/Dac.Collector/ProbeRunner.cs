using System.Collections.Frozen;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Dac.Collector.Probing;
using Dac.Contracts;
using Dac.Hosting;
using Microsoft.Extensions.ObjectPool;
using Microsoft.Extensions.Options;

namespace Dac.Collector;

/// <summary>One slot from its due millisecond to its result: place, prober of its scheme, timeout, and what is to be remarked.</summary>
public sealed partial class ProbeRunner
{
    /// <summary>From this lateness on a row is flagged.</summary>
    public static readonly TimeSpan LateAfter = TimeSpan.FromMilliseconds(50);

    private static readonly Histogram<double> Lateness = Telemetry.Meter.CreateHistogram<double>("dac.slot.lateness", "s", "Start of a probe after its planned time");
    private static readonly Histogram<double> QueueWait = Telemetry.Meter.CreateHistogram<double>("dac.slot.queue_wait", "s", "What a slot that is due waits for a place under the limits");
    private static readonly Histogram<double> Duration = Telemetry.Meter.CreateHistogram<double>("dac.probe.duration", "s", "From the start of a probe to its outcome");
    private static readonly Counter<long> Started = Telemetry.Meter.CreateCounter<long>("dac.probes.started", "{probe}", "Slots that were probed");

    // Made once: a tag list and a name for each probe would be most of what counting it costs.
    private static readonly FrozenDictionary<Outcome, KeyValuePair<string, object?>[]> OutcomeTags = Enum.GetValues<Outcome>().ToFrozenDictionary(o => o, Tags);

    private readonly Counter<long> _finished = Telemetry.Meter.CreateCounter<long>("dac.probes.finished", "{probe}", "Slots that came to an outcome at a collector");
    private readonly FrozenDictionary<string, IProber> _probers;
    private readonly ProbeLimits _limits;
    private readonly PauseWatch _pauses;
    private readonly ConnectionTable _connections;
    private readonly ClockOffset _clock;
    private readonly TimeProvider _time;
    private readonly ILogger<ProbeRunner> _logger;
    private readonly ObjectPool<CancellationTokenSource> _timeouts;
    private readonly int _places;

    private int _running;

    public ProbeRunner(
        ProbeLimits limits, IEnumerable<IProber> probers, PauseWatch pauses, ConnectionTable connections, ClockOffset clock, IOptions<CollectorOptions> options, TimeProvider time,
        ILogger<ProbeRunner> logger)
    {
        (_limits, _pauses, _connections, _clock, _time, _logger, _places) = (limits, pauses, connections, clock, time, logger, options.Value.MaxConcurrency);
        _timeouts = new DefaultObjectPoolProvider { MaximumRetained = _places }.Create(new Timeouts(time));
        _probers = probers.SelectMany(p => p.Schemes, (prober, scheme) => (prober, scheme)).ToFrozenDictionary(p => p.scheme, p => p.prober, StringComparer.OrdinalIgnoreCase);
        Telemetry.Meter.CreateObservableGauge("dac.collector.saturation", () => (double)Volatile.Read(ref _running) / _places, "1", "Probes under way, as a share of the places for them");
        foreach (var tags in OutcomeTags.Values)
            _finished.Add(0, tags);
    }

    /// <summary>Runs a slot that is due, and hands its one result to <paramref name="report"/>.</summary>
    public async Task RunAsync(ProbeUrl probe, Action<ProbeResult> report)
    {
        using var span = probe.TraceParent is { } parent ? Telemetry.Source.StartActivity("probe", ActivityKind.Consumer, parent) : null;
        span?.SetTag("dac.target", probe.TargetId).SetTag("url.full", probe.Url);
        ProbeResult result;
        try
        {
            result = await ProbeAsync(probe);
        }
        // The one edge: a bug in a prober must cost this slot its measurement, and neither the slot its row nor others anything.
        catch (Exception e)
        {
            LogBug(_logger, e, probe.Url);
            result = Missing(probe, Outcome.InternalFault, $"bug in the collector: {e.GetType().Name}");
        }
        _finished.Add(1, OutcomeTags[result.Outcome]);
        if (_logger.IsEnabled(LogLevel.Debug))
            LogProbed(_logger, probe.TargetId, DateTimeOffset.FromUnixTimeMilliseconds(probe.ScheduledAtMs), result.Outcome, result.LatenessUs / 1000.0, result.Error);
        span?.SetTag("dac.outcome", result.Outcome.ToString());
        report(span is { Recorded: true } ? result with { TraceParent = span.Id } : result);
    }

    private async Task<ProbeResult> ProbeAsync(ProbeUrl probe)
    {
        // This may be the thread that starts all others.
        if (Prober(probe)?.StartsAtOnce(probe) != true)
            await Task.Yield();
        var patience = TimeSpan.FromMilliseconds(probe.ToleranceMs) - Late(probe);
        if (patience < TimeSpan.Zero)
            return Missing(probe, Outcome.Expired, "its tolerance was over when it could have been started");
        var asked = _time.GetTimestamp();
        using var place = await _limits.AcquireAsync(probe, patience);
        QueueWait.Record(_time.GetElapsedTime(asked).TotalSeconds);
        // Also where a process that stood still meanwhile finds a place at once.
        if (place is null || Late(probe) > TimeSpan.FromMilliseconds(probe.ToleranceMs))
            return Missing(probe, Outcome.Expired, "no place under the limits of concurrent probes within its tolerance");
        var running = Interlocked.Increment(ref _running);
        var begun = _time.GetTimestamp();
        Started.Add(1);
        try
        {
            return await MeasureAsync(probe, saturated: running >= _places);
        }
        finally
        {
            Duration.Record(_time.GetElapsedTime(begun).TotalSeconds);
            Interlocked.Decrement(ref _running);
        }
    }

    private async Task<ProbeResult> MeasureAsync(ProbeUrl probe, bool saturated)
    {
        // First, so that a thread that is held up in between makes the probe longer, and never earlier than its request.
        var measurement = new Measurement(_time);
        using var watched = _pauses.Begin();
        var late = Late(probe);
        Lateness.Record(late.TotalSeconds);
        if (Prober(probe) is { } prober)
        {
            var timeout = _timeouts.Get();
            try
            {
                timeout.CancelAfter(probe.TimeoutMs);
                await prober.ProbeAsync(probe, measurement, timeout.Token);
            }
            finally
            {
                _timeouts.Return(timeout);
            }
        }
        else
        {
            measurement.Fail(Outcome.Unprobeable, $"no prober for the scheme '{Scheme(probe)}'");
        }
        var flags = (late > LateAfter ? ProbeRemarks.Late : 0) | (saturated ? ProbeRemarks.Saturated : 0) | (_clock.IsOff ? ProbeRemarks.ClockOff : 0);
        var result = measurement.ToResult(probe, (int)Math.Clamp(late.TotalMicroseconds, int.MinValue, int.MaxValue), flags);
        if (watched.LongestPause is var pause && pause > TimeSpan.Zero && result.Outcome.Class() == OutcomeClass.Executed)
            return result with { Outcome = Outcome.PausedFault, Error = $"the collector stood still for {pause.TotalMilliseconds:F0} ms while it probed" };
        return result.Outcome == Outcome.Timeout && _connections.IsFull
            ? result with { Outcome = Outcome.ResourceFault, Error = "no answer in time, and the collector's kernel drops packets: its table of connections is full (net.netfilter.nf_conntrack_max)" }
            : result;
    }

    private IProber? Prober(ProbeUrl probe) => _probers.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(Scheme(probe), out var prober) ? prober : null;

    private static ReadOnlySpan<char> Scheme(ProbeUrl probe) => probe.Url.AsSpan(0, Math.Max(0, probe.Url.IndexOf(':', StringComparison.Ordinal)));

    private TimeSpan Late(ProbeUrl probe) => _time.GetUtcNow() - DateTimeOffset.FromUnixTimeMilliseconds(probe.ScheduledAtMs);

    private static ProbeResult Missing(ProbeUrl probe, Outcome outcome, string error) =>
        new() { TargetId = probe.TargetId, ScheduledAtMs = probe.ScheduledAtMs, Outcome = outcome, Error = error };

    private static KeyValuePair<string, object?>[] Tags(Outcome outcome) =>
    [
        new("class", outcome.Class() switch { OutcomeClass.Executed => "executed", OutcomeClass.ObserverFault => "observer_fault", _ => "missed" }),
        new("outcome", outcome.ToString()),
    ];

    [LoggerMessage(LogLevel.Debug, "Target {TargetId}, slot {Slot:O}: {Outcome}, {LatenessMs} ms late. {Reason}")]
    private static partial void LogProbed(ILogger logger, long targetId, DateTimeOffset slot, Outcome outcome, double? latenessMs, string? reason);

    [LoggerMessage(LogLevel.Error, "A prober threw on {Url}")]
    private static partial void LogBug(ILogger logger, Exception exception, string url);

    // Used again: a socket that is kept holds on to the last one it was given, which would grow old with it, one for each probe. One that was cancelled is disposed.
    private sealed class Timeouts(TimeProvider time) : PooledObjectPolicy<CancellationTokenSource>
    {
        public override CancellationTokenSource Create() => new(Timeout.InfiniteTimeSpan, time);

        public override bool Return(CancellationTokenSource obj) => obj.TryReset();
    }
}
