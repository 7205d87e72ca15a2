using Dac.Targets;

namespace Dac.Faults.Proof;

/// <summary>
/// Which slots were due, reckoned anew from the suite's own record of the targets. A change takes effect within <see cref="EffectMs"/> of its commit: what lies
/// in that band may be planned by the old definition, by the new one, or not at all. While schedulers are cut off from the database they plan from memory, and the
/// band reaches to their hearing of it again.
/// </summary>
public static class DueSlots
{
    /// <summary>The longest that a change may take to reach the plan, in ms.</summary>
    public const int EffectMs = 5_000;

    /// <summary>What a scheduler takes to hear of changes again once its database is back, in ms.</summary>
    private const int ReturnMs = 10_000;

    /// <summary>A slot that must be planned, with the partition that it belongs to.</summary>
    public static IEnumerable<(short Partition, long DueMs)> Required(TargetLife life, IReadOnlyList<InjectedFault> faults, long fromMs, long toMs) =>
        Spans(life).SelectMany(s => Between(life.Id, s.Span, Math.Max(fromMs, EffectAt(s.Span, faults)), Math.Min(toMs, s.Next?.BeforeMs ?? long.MaxValue)));

    /// <summary>The slots that may be planned.</summary>
    public static IEnumerable<(short Partition, long DueMs)> Allowed(TargetLife life, IReadOnlyList<InjectedFault> faults, long fromMs, long toMs) =>
        Spans(life).SelectMany(s => Between(life.Id, s.Span, Math.Max(fromMs, s.Span.BeforeMs), Math.Min(toMs, s.Next is { } next ? EffectAt(next, faults) : long.MaxValue)));

    private static long EffectAt(TargetSpan span, IReadOnlyList<InjectedFault> faults)
    {
        var at = span.AfterMs + EffectMs;
        foreach (var fault in faults.Where(Deafens).OrderBy(f => f.FromMs))
        {
            if (fault.FromMs <= at && span.BeforeMs <= fault.ToMs + ReturnMs)
                at = Math.Max(at, fault.ToMs + ReturnMs);
        }
        return at;
    }

    private static bool Deafens(InjectedFault fault) =>
        fault.Kind is "database-stop" or "database-black-hole" || (fault.Kind == "cut-off" && fault.What.StartsWith("scheduler", StringComparison.Ordinal));

    private static IEnumerable<(TargetSpan Span, TargetSpan? Next)> Spans(TargetLife life) =>
        life.Spans.Select((span, i) => (span, i + 1 < life.Spans.Count ? life.Spans[i + 1] : null));

    private static IEnumerable<(short Partition, long DueMs)> Between(long id, TargetSpan span, long fromMs, long toMs)
    {
        if (span.Target is not { } target)
            yield break;
        for (var due = Next(id, target, fromMs); due < toMs; due = Next(id, target, due.Value + 1))
            yield return (span.Partition, due.Value);
    }

    private static long? Next(long id, ProbeTarget target, long fromMs) => target.Cron is { } cron
        ? Schedule.CronAtOrAfter(cron, id, fromMs)
        : Schedule.FirstAtOrAfter(Schedule.PhaseMs(id, target.IntervalMs), target.IntervalMs, fromMs);
}
