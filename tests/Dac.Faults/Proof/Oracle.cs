using Dac.Contracts;

namespace Dac.Faults.Proof;

/// <summary>Judges a run by what is in the database, what was asked of it, and what the target server saw. Pure: the same evidence, the same verdict.</summary>
public static class Oracle
{
    /// <summary>The plan of the first seconds depends on when the first scheduler was up; they are not held against the targets.</summary>
    public const int StartMs = 10_000;

    public static Verdict Check(Evidence evidence)
    {
        var verdict = new Verdict();
        var plan = new Plan(evidence);
        Rows(evidence, plan, verdict);
        Windows(evidence, plan, verdict);
        Targets(evidence, plan, verdict);
        Outcomes(evidence, verdict);
        States(evidence, verdict);
        RequestCheck.Check(evidence, plan, verdict);
        return verdict;
    }

    // One row for each slot, one slot for each row.
    private static void Rows(Evidence evidence, Plan plan, Verdict verdict)
    {
        var figures = verdict.Figures;
        foreach (var slot in plan.Slots.Where(s => s.DueMs < evidence.ToMs))
        {
            figures.Planned++;
            if (!plan.Rows.TryGetValue(slot, out var row))
            {
                verdict.Add("missing row", $"{slot}: planned, and without a row");
                continue;
            }
            var outcome = row.Outcome.ToString();
            figures.Outcomes[outcome] = figures.Outcomes.GetValueOrDefault(outcome) + 1;
            figures.Late += row.Flags.HasFlag(ProbeRemarks.Late) ? 1 : 0;
            if (row.Outcome.Class() == OutcomeClass.Executed)
                figures.Executed++;
            else if (row.Outcome.Class() == OutcomeClass.ObserverFault)
                figures.ObserverFaults++;
            else
                figures.Missed[outcome] = figures.Missed.GetValueOrDefault(outcome) + 1;
        }
        foreach (var row in evidence.Rows.Where(r => r.Slot.DueMs < evidence.ToMs && !plan.Slots.Contains(r.Slot) && plan.CountedGap(r.Slot) is null))
            verdict.Add("row without slot", $"{row.Slot}: {row.Outcome} by {row.Collector ?? "nobody"}, and not in the plan");
        foreach (var twice in evidence.Rows.GroupBy(r => r.Slot).Where(g => g.Count() > 1))
            verdict.Add("double row", $"{twice.Key}: {twice.Count()} rows");
    }

    // planned = executed + observer faults + missed, in each window, and as its rows have it.
    private static void Windows(Evidence evidence, Plan plan, Verdict verdict)
    {
        foreach (var window in evidence.Windows.Where(w => w.StartMs < evidence.ToMs - 1_000))
        {
            var name = $"window {Clock.Text(window.StartMs)} of partition {window.Partition}";
            if (!window.Audited)
                verdict.Add("open window", $"{name} was not audited");
            if (window.Planned != window.Slots.Count)
                verdict.Add("window does not add up", $"{name}: planned {window.Planned}, but {window.Slots.Count} slots");
            var rows = window.Slots.Select(s => plan.Rows.GetValueOrDefault(s)?.Outcome.Class()).ToList();
            var found = (rows.Count(c => c == OutcomeClass.Executed), rows.Count(c => c == OutcomeClass.ObserverFault), rows.Count(c => c == OutcomeClass.Missed));
            var stored = (window.Executed ?? 0, window.ObserverFaults ?? 0, window.Missed ?? 0);
            if (window.Audited && (found != stored || stored.Item1 + stored.Item2 + stored.Item3 != window.Planned))
                verdict.Add("window does not add up", $"{name}: planned {window.Planned}, executed, observer faults, missed are stored as {stored}, and by their rows {found}");
        }
    }

    // The plan against the targets as they were.
    private static void Targets(Evidence evidence, Plan plan, Verdict verdict)
    {
        if (evidence.Windows.Count == 0)
        {
            verdict.Add("no plan", "nothing was planned at all");
            return;
        }
        var from = evidence.Windows.Min(w => w.StartMs) + StartMs;
        var inGap = evidence.Gaps.ToDictionary(g => g, _ => (Required: 0L, Allowed: 0L));
        foreach (var life in evidence.Targets)
        {
            var allowed = DueSlots.Allowed(life, evidence.Faults, from - StartMs, evidence.ToMs).ToHashSet();
            foreach (var (partition, due) in DueSlots.Required(life, evidence.Faults, from, evidence.ToMs))
            {
                if (plan.Times(life.Id).Contains(due))
                    continue;
                if (plan.CountedGap(partition, due) is { } gap)
                    inGap[gap] = inGap[gap] with { Required = inGap[gap].Required + 1 };
                else
                    verdict.Add("slot not planned", $"target {life.Id} ({life.Key}) was due at {Clock.Text(due)}: neither in the plan nor in a gap of partition {partition}");
            }
            foreach (var (partition, due) in allowed)
            {
                if (plan.CountedGap(partition, due) is { } gap && !plan.Times(life.Id).Contains(due))
                    inGap[gap] = inGap[gap] with { Allowed = inGap[gap].Allowed + 1 };
            }
            var times = allowed.Select(a => a.DueMs).ToHashSet();
            foreach (var due in plan.Times(life.Id).Where(d => d < evidence.ToMs && !times.Contains(d)))
                verdict.Add("planned though not due", $"target {life.Id} ({life.Key}) at {Clock.Text(due)}");
        }
        foreach (var id in plan.Slots.Select(s => s.TargetId).Distinct().Except(evidence.Targets.Select(t => t.Id)))
            verdict.Add("planned though not due", $"target {id} is none of the suite's");
        Gaps(evidence, inGap, plan, verdict);
    }

    private static void Gaps(Evidence evidence, Dictionary<Gap, (long Required, long Allowed)> inGap, Plan plan, Verdict verdict)
    {
        verdict.Figures.PlannedTwice = plan.Twice;
        foreach (var gap in evidence.Gaps.Where(g => g.ToMs <= evidence.ToMs))
        {
            verdict.Figures.GapSeconds += (gap.ToMs - gap.FromMs) / 1000;
            var name = $"gap of partition {gap.Partition}, {Clock.Text(gap.FromMs)} to {Clock.Text(gap.ToMs)}";
            if (gap.Slots is not { } counted)
            {
                verdict.Add("open gap", $"{name} was not closed");
                continue;
            }
            if (counted == 0)
                continue;
            verdict.Figures.CountedInGaps += counted;
            verdict.Figures.Planned += counted;
            verdict.Figures.Missed[nameof(Outcome.NotPlanned)] = verdict.Figures.Missed.GetValueOrDefault(nameof(Outcome.NotPlanned)) + counted;
            // What was probed from memory while the database was away has its row, and is not counted.
            var rows = evidence.Rows.Count(r => !plan.Slots.Contains(r.Slot) && plan.CountedGap(r.Slot) == gap);
            var (required, allowed) = inGap[gap];
            if (counted + rows < required || counted + rows > allowed)
                verdict.Add("gap miscounted", $"{name}: {counted} slots and {rows} rows, but {required} to {allowed} were due");
        }
    }

    // Nothing is booked as down that was up, nor the other way round.
    private static void Outcomes(Evidence evidence, Verdict verdict)
    {
        var behaviours = evidence.Targets.ToDictionary(t => t.Id, t => t.Behaviour);
        foreach (var row in evidence.Rows.Where(r => r.Outcome.Class() == OutcomeClass.Executed && r.Slot.DueMs < evidence.ToMs))
        {
            if (!behaviours.TryGetValue(row.Slot.TargetId, out var behaviour) || row.Outcome == Expected(behaviour))
                continue;
            if (evidence.Stalls.Any(s => s.FromMs <= row.EndMs && s.ToMs >= row.StartMs))
                verdict.Figures.Excused++;
            else
                verdict.Add(behaviour is Behaviour.Healthy or Behaviour.Slow ? "healthy booked as down" : "wrong outcome", $"{row.Slot} ({behaviour}): {row.Outcome}, {row.Error ?? "no error"}; started {row.LatenessUs / 1000.0:0.0} ms late, took {row.TotalUs / 1000.0:0.0} ms, by {row.Collector}");
        }
    }

    private static Outcome Expected(Behaviour behaviour) => behaviour switch
    {
        Behaviour.Fails => Outcome.BadStatus,
        Behaviour.Hangs => Outcome.Timeout,
        Behaviour.Refuses => Outcome.ConnectFailed,
        _ => Outcome.Up,
    };

    // target_state is the last executed row.
    private static void States(Evidence evidence, Verdict verdict)
    {
        var states = evidence.States.ToDictionary(s => (s.TargetId, s.LocationId));
        foreach (var last in evidence.Rows.Where(r => r.Outcome.Class() == OutcomeClass.Executed).GroupBy(r => (r.Slot.TargetId, r.Slot.LocationId)).Select(g => g.MaxBy(r => r.Slot.DueMs)!))
        {
            if (!states.Remove((last.Slot.TargetId, last.Slot.LocationId), out var state))
                verdict.Add("wrong state", $"{last.Slot}: {last.Outcome}, and the target has no state");
            else if (state.DueMs != last.Slot.DueMs || state.Outcome != last.Outcome)
                verdict.Add("wrong state", $"{last.Slot}: {last.Outcome}, but the state says {state.Outcome} at {Clock.Text(state.DueMs)}");
        }
        foreach (var state in states.Values)
            verdict.Add("wrong state", $"target {state.TargetId} is {state.Outcome} without an executed row");
    }
}
