using Dac.Contracts;
using Dac.Targets;

namespace Dac.Faults.Proof;

/// <summary>What the target server saw, against the rows: an executed slot has its request, a request has its slot.</summary>
internal static class RequestCheck
{
    /// <summary>How long after a fault a slot may still be delivered again: the broker notices a hung connection after 20 s, and slots are held for 20 s at most.</summary>
    private const int AfterFaultMs = 60_000;

    /// <summary>Between a probe's start and the request's arrival, and between two readings of one clock.</summary>
    private const int SlackMs = 20;

    public static void Check(Evidence evidence, Plan plan, Verdict verdict)
    {
        var requests = evidence.Requests.Where(r => r.AtMs < evidence.ToMs).OrderBy(r => r.AtMs).ToList();
        verdict.Figures.Requests = requests.Count;
        if (requests.Count > 0)
            verdict.Figures.LongestPauseSeconds = requests.Zip(requests.Skip(1).Append(new Request(0, evidence.ToMs)), (a, b) => b.AtMs - a.AtMs).Max() / 1000;
        // A slot of the last millisecond has its request behind it.
        var byTarget = evidence.Requests.OrderBy(r => r.AtMs).ToLookup(r => r.TargetId, r => r.AtMs);
        var rows = plan.Slots.Where(s => s.DueMs < evidence.ToMs).ToLookup(s => s.TargetId);
        foreach (var life in evidence.Targets)
            Check(life, [.. byTarget[life.Id]], [.. rows[life.Id].OrderBy(s => s.DueMs)], evidence, plan, verdict);
    }

    private static void Check(TargetLife life, List<double> requests, List<SlotKey> slots, Evidence evidence, Plan plan, Verdict verdict)
    {
        var times = slots.ConvertAll(s => s.DueMs);
        var patience = life.Spans.Select(s => s.Target).OfType<ProbeTarget>().Select(t => (t.ToleranceMs ?? Schedule.MaxDefaultToleranceMs) + t.TimeoutMs).DefaultIfEmpty().Max() + 1_000;
        var seen = new int[slots.Count];
        foreach (var at in requests.TakeWhile(at => at < evidence.ToMs))
        {
            var index = times.BinarySearch((long)at + SlackMs);
            index = index < 0 ? ~index - 1 : index;
            // A probe that started late, and goes on when the next is due.
            if (index > 0 && seen[index - 1] == 0 && plan.Rows.TryGetValue(slots[index - 1], out var before) && before.Outcome.Class() != OutcomeClass.Missed
                && before.StartMs - SlackMs <= at && at <= before.EndMs + SlackMs)
                index--;
            if (index < 0 || at > times[index] + patience + Paused(evidence, at))
                verdict.Add("request without slot", $"target {life.Id} ({life.Key}) was asked at {Clock.Text(at)}{(index < 0 ? ", before its first slot" : $", its slot before that is {Clock.Text(times[index])}")}");
            else
                seen[index]++;
        }
        for (var i = 0; i < slots.Count; i++)
            CheckSlot(slots[i], seen[i], requests, evidence, plan, verdict);
    }

    private static void CheckSlot(SlotKey slot, int seen, List<double> requests, Evidence evidence, Plan plan, Verdict verdict)
    {
        if (!plan.Rows.TryGetValue(slot, out var row))
            return;
        if (Connected(row.Outcome) && !Any(requests, row.StartMs - SlackMs, row.EndMs + SlackMs))
            verdict.Add("executed without request", $"{slot}: {row.Outcome}, started {Clock.Text(row.StartMs)}, took {row.TotalUs / 1000.0:0.0} ms, and the server saw nothing");
        var extra = seen - (row.Outcome.Class() == OutcomeClass.Missed ? 0 : 1);
        if (extra <= 0)
            return;
        if (plan.TakenOver(slot) || evidence.Faults.Any(f => f.FromMs - 1_000 <= slot.DueMs + Schedule.MaxDefaultToleranceMs && slot.DueMs <= f.ToMs + AfterFaultMs))
            verdict.Figures.ExtraRequests += extra;
        else
            verdict.Add("unexplained request", $"{slot}: {row.Outcome}, but {seen} requests, published once, and no fault in the minute before");
    }

    // A process that was stopped in the midst of a probe sends its request when it goes on.
    private static long Paused(Evidence evidence, double at) =>
        evidence.Faults.Where(f => f.FromMs <= at && at <= f.ToMs + 2_000).Select(f => f.ToMs - f.FromMs).DefaultIfEmpty().Max();

    private static bool Connected(Outcome outcome) =>
        outcome is Outcome.Up or Outcome.Degraded or Outcome.BadStatus or Outcome.NoMatch or Outcome.TooLarge;

    private static bool Any(List<double> sorted, double from, double to)
    {
        var index = sorted.BinarySearch(from);
        index = index < 0 ? ~index : index;
        return index < sorted.Count && sorted[index] <= to;
    }
}
