using System.Diagnostics.Metrics;
using Dac.Hosting;
using Dac.Storage;

namespace Dac.Scheduler;

/// <summary>
/// What a scheduler remembers of the plan while the database does not answer: its clock, carried on by the monotonic one whatever happens to the host's, and
/// how far each partition is planned. What is planned from memory itself need not be remembered: the schedule is a pure function, and the audit asks it again.
/// </summary>
public sealed class PlanMemory
{
    private readonly TimeProvider _time;
    private PlanState? _read;
    private long _readAt;
    private long[] _sentUntilMs = [];

    public PlanMemory(TimeProvider time)
    {
        _time = time;
        Telemetry.Meter.CreateObservableGauge("dac.plan.ahead", Ahead, "s", "How far the plan reaches ahead of the clock, in the partition that is furthest behind");
    }

    /// <summary>The last question to the database, also where nobody waits for its answer any more.</summary>
    public Task Asked { get; set; } = Task.CompletedTask;

    /// <summary>Ticks in a row that the database has not answered.</summary>
    public int Failed { get; set; }

    /// <summary>Ticks in a row that were left to the scheduler that plans from memory.</summary>
    public int Yielded { get; set; }

    /// <summary>The database's clock, Unix ms, as it has gone on since it was last read.</summary>
    public long NowMs => _read is null ? _time.GetUtcNow().ToUnixTimeMilliseconds() : _read.NowMs + (long)_time.GetElapsedTime(_readAt).TotalMilliseconds;

    /// <summary>The plan as far as it is known; null before the database has answered once.</summary>
    public PlanState? State => _read is null
        ? null
        : _read with
        {
            NowMs = NowMs,
            PlannedUntilMs = [.. _read.PlannedUntilMs.Select((until, partition) => Later(until, _sentUntilMs[partition]))],
        };

    /// <summary>The database has answered.</summary>
    public void Read(PlanState state)
    {
        // First, since metrics are asked for at any time.
        if (_sentUntilMs.Length != state.PlannedUntilMs.Count)
            _sentUntilMs = new long[state.PlannedUntilMs.Count];
        (_readAt, _read) = (_time.GetTimestamp(), state);
    }

    /// <summary>A partition's slots up to here were published without being written.</summary>
    public void Sent(PartitionPlan plan) => _sentUntilMs[plan.Partition] = plan.UntilMs;

    /// <summary>A window that was published while the database was away is not published again.</summary>
    public bool IsSent(PlannedWindow window) => window.StartMs < _sentUntilMs[window.Partition];

    private IEnumerable<Measurement<double>> Ahead() =>
        State is { } state && state.PlannedUntilMs.Min() is { } until ? [new((until - state.NowMs) / 1000.0)] : [];

    private static long? Later(long? a, long b) => b > (a ?? 0) ? b : a;
}
