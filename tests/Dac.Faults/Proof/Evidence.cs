using Dac.Contracts;
using Dac.Targets;

namespace Dac.Faults.Proof;

/// <summary>Key of a slot; the time in Unix ms.</summary>
public readonly record struct SlotKey(long TargetId, short LocationId, long DueMs)
{
    public override string ToString() => $"target {TargetId} at {Clock.Text(DueMs)}";
}

/// <summary>A row of <c>plan_window</c>.</summary>
public sealed record Window(short Partition, long StartMs, IReadOnlyList<SlotKey> Slots, int Planned, int? Executed, int? ObserverFaults, int? Missed, bool Audited, int Attempt = 1);

/// <summary>A row of <c>probe_result</c>.</summary>
public sealed record Row(SlotKey Slot, Outcome Outcome, int? LatenessUs, int? TotalUs, ProbeRemarks Flags, string? Error, string? Collector)
{
    /// <summary>When its probe started, Unix ms.</summary>
    public double StartMs => Slot.DueMs + (LatenessUs ?? 0) / 1000.0;

    /// <summary>When its probe ended.</summary>
    public double EndMs => StartMs + (TotalUs ?? 0) / 1000.0;
}

/// <summary>A row of <c>plan_gap</c>.</summary>
public sealed record Gap(short Partition, long FromMs, long ToMs, long? Slots);

/// <summary>A row of <c>target_state</c>.</summary>
public sealed record State(long TargetId, short LocationId, Outcome Outcome, long DueMs);

/// <summary>A request as the target server saw it arrive.</summary>
public readonly record struct Request(long TargetId, double AtMs);

/// <summary>What a target's server does with a probe; a target keeps it for good.</summary>
public enum Behaviour
{
    /// <summary>Answers at once, as asked.</summary>
    Healthy,

    /// <summary>Answers as asked after 300 ms.</summary>
    Slow,

    /// <summary>Status 500.</summary>
    Fails,

    /// <summary>Takes the request and never answers.</summary>
    Hangs,

    /// <summary>Nobody listens.</summary>
    Refuses,
}

/// <summary>
/// A target from one change to the next, by the suite's own record. It was made known between <paramref name="BeforeMs"/> and <paramref name="AfterMs"/>,
/// the moments before the change was asked for and after it was confirmed. <paramref name="Target"/> null: paused or deleted.
/// </summary>
public sealed record TargetSpan(long BeforeMs, long AfterMs, short Partition, ProbeTarget? Target);

/// <summary>A target and all that it has been, in order of time.</summary>
public sealed record TargetLife(long Id, string Key, Behaviour Behaviour, IReadOnlyList<TargetSpan> Spans);

/// <summary>A fault that was injected, and when it was healed.</summary>
public sealed record InjectedFault(string Kind, string What, long FromMs, long ToMs);

/// <summary>A time in which the suite itself did not get the processor, and so its target server did not answer.</summary>
public readonly record struct Stall(long FromMs, long ToMs);

/// <summary>All that the oracle judges. Times are Unix ms; slots due before <paramref name="ToMs"/> have had their time.</summary>
public sealed record Evidence(
    long ToMs,
    IReadOnlyList<Window> Windows,
    IReadOnlyList<Gap> Gaps,
    IReadOnlyList<Row> Rows,
    IReadOnlyList<State> States,
    IReadOnlyList<TargetLife> Targets,
    IReadOnlyList<Request> Requests,
    IReadOnlyList<InjectedFault> Faults,
    IReadOnlyList<Stall> Stalls);

/// <summary>Times for people.</summary>
public static class Clock
{
    /// <summary>Time of day, UTC, as in the services' logs.</summary>
    public static string Text(double ms) => DateTimeOffset.UnixEpoch.AddMilliseconds(ms).ToString("HH:mm:ss.fff", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Now, Unix ms.</summary>
    public static long NowMs => TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
}
