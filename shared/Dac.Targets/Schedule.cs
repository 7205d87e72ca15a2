using Quartz;

namespace Dac.Targets;

/// <summary>
/// When a target is due: a pure function of target and time, in whole Unix milliseconds, so that every scheduler, and an audit years later,
/// comes to the same slots.
/// </summary>
public static class Schedule
{
    /// <summary>Length of a window, in ms. An interval is never shorter, so a target has at most one slot in a window.</summary>
    public const int WindowMs = 1_000;

    /// <summary>Default and largest derived tolerance, in ms.</summary>
    public const int MaxDefaultToleranceMs = 5_000;

    /// <summary>
    /// Offset of a target's slots within its interval: the high 64 bits of <c>uint64(id * 0x9E3779B97F4A7C15) * intervalMs</c>.
    /// Multiples of the golden ratio spread ids in sequence as evenly as can be (Knuth, TAOCP vol. 3, 6.4), better than a hash does.
    /// </summary>
    public static long PhaseMs(long targetId, int intervalMs) =>
        (long)Math.BigMul(unchecked((ulong)targetId * 0x9E3779B97F4A7C15), (ulong)intervalMs, out _);

    /// <summary>The slot of an interval target in the window that starts at <paramref name="windowStartMs"/>, or null.</summary>
    public static long? DueInWindow(long targetId, int intervalMs, long windowStartMs)
    {
        var due = FirstAtOrAfter(PhaseMs(targetId, intervalMs), intervalMs, windowStartMs);
        return due < windowStartMs + WindowMs ? due : null;
    }

    /// <summary>First <c>phase + k * interval</c> that is not before <paramref name="fromMs"/>.</summary>
    public static long FirstAtOrAfter(long phaseMs, int intervalMs, long fromMs)
    {
        var since = (fromMs - phaseMs) % intervalMs;
        return since <= 0 ? fromMs - since : fromMs + intervalMs - since;
    }

    /// <summary>
    /// The first slot of a cron target that is not before <paramref name="fromMs"/>, or null when there is none any more.
    /// A slot lies in the second that the expression names, at the target's phase within that second, so that a thousand targets of
    /// <c>0 0 * * *</c> don't start in the same millisecond.
    /// </summary>
    public static long? CronAtOrAfter(CronExpression cron, long targetId, long fromMs)
    {
        var phase = PhaseMs(targetId, WindowMs);
        // The expression knows whole seconds: the first that counts is the one in which the phase is not yet over.
        var second = (fromMs - phase + WindowMs - 1) / WindowMs * WindowMs;
        var fire = cron.GetNextValidTimeAfter(DateTimeOffset.FromUnixTimeMilliseconds(second - 1));
        return fire is { } at ? at.ToUnixTimeMilliseconds() + phase : null;
    }

    /// <summary>Tolerance of a cron target's slot at <paramref name="dueMs"/> where it has none of its own: half the time to its next slot, 5 s at most.</summary>
    public static int ToleranceMs(CronExpression cron, long targetId, long dueMs) =>
        (int)Math.Min(((CronAtOrAfter(cron, targetId, dueMs + 1) ?? long.MaxValue) - dueMs) / 2, MaxDefaultToleranceMs);
}
