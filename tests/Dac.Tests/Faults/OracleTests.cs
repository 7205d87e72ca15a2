using Dac.Contracts;
using Dac.Faults.Proof;
using Dac.Targets;

namespace Dac.Tests.Faults;

/// <summary>The oracle of the fault suite finds what it is there to find: each test spoils a flawless run in one way.</summary>
public sealed class OracleTests
{
    private const long Start = 1_800_000_000_000;
    private const long End = Start + 60_000;
    private const long Settled = Start - 60_000;

    private static readonly Evidence Flawless = Make([Life(1, 1_000), Life(2, 5_000, Behaviour.Fails), Life(3, 2_000, Behaviour.Hangs), Life(4, 3_000, Behaviour.Refuses), Life(5, 5_000, Behaviour.Slow)]);

    [Fact]
    public void A_flawless_run_has_no_violation_and_adds_up()
    {
        var verdict = Oracle.Check(Flawless);
        Assert.Empty(verdict.Violations);
        Assert.Equal(60 + 12 + 30 + 20 + 12, verdict.Figures.Planned);
        Assert.Equal(verdict.Figures.Planned, verdict.Figures.Executed);
        Assert.Equal(verdict.Figures.Planned - 20, verdict.Figures.Requests);
    }

    [Fact]
    public void A_request_that_arrives_behind_the_end_belongs_to_the_slot_before_it()
    {
        var last = Flawless.Requests.MaxBy(r => r.AtMs)!;
        Assert.DoesNotContain(Oracle.Check(Flawless with { ToMs = (long)last.AtMs }).Violations, v => v.Rule == "executed without request");
    }

    [Fact]
    public void A_missing_row_is_found() =>
        Assert.Contains(Oracle.Check(Flawless with { Rows = [.. Flawless.Rows.Skip(1)] }).Violations, v => v.Rule == "missing row");

    [Fact]
    public void A_double_row_is_found() => Found("double row", Flawless with { Rows = [.. Flawless.Rows, Flawless.Rows[7]] });

    [Fact]
    public void A_row_that_is_not_in_the_plan_is_found() =>
        Found("row without slot", Flawless with { Rows = [.. Flawless.Rows, Flawless.Rows[7] with { Slot = Flawless.Rows[7].Slot with { DueMs = Start + 30_001 } }] });

    [Fact]
    public void A_window_that_was_not_audited_is_found() => Found("open window", Spoil(3, w => w with { Audited = false }));

    [Fact]
    public void A_window_whose_counts_differ_from_its_rows_is_found() => Found("window does not add up", Spoil(3, w => w with { Executed = w.Executed - 1, Missed = 1 }));

    [Fact]
    public void A_window_whose_plan_differs_from_its_slots_is_found() => Found("window does not add up", Spoil(3, w => w with { Planned = w.Planned + 1 }));

    [Fact]
    public void A_slot_that_was_due_and_not_planned_is_found()
    {
        var window = Flawless.Windows[30];
        var slots = window.Slots.ToHashSet();
        Found("slot not planned", Flawless with
        {
            Windows = [.. Flawless.Windows.Where(w => w != window)],
            Rows = [.. Flawless.Rows.Where(r => !slots.Contains(r.Slot))],
            Requests = [.. Flawless.Requests.Where(q => !slots.Any(s => s.TargetId == q.TargetId && s.DueMs <= q.AtMs && q.AtMs < s.DueMs + 1_000))],
        });
    }

    [Fact]
    public void A_slot_that_was_planned_and_not_due_is_found()
    {
        var slot = new SlotKey(2, 1, Start + 30_001);
        Found("planned though not due", Flawless with
        {
            Windows = [.. Flawless.Windows, new Window(0, Start + 30_000, [slot], 1, 0, 0, 1, true)],
            Rows = [.. Flawless.Rows, new Row(slot, Outcome.Lost, null, null, 0, null, null)],
        });
    }

    [Fact]
    public void A_deleted_target_that_is_planned_on_is_found()
    {
        var deleted = Start + 30_000;
        Found("planned though not due", Flawless with { Targets = [.. Flawless.Targets.Select(t => t.Id != 1 ? t : t with { Spans = [.. t.Spans, new TargetSpan(deleted, deleted + 10, 0, null)] })] });
    }

    [Fact]
    public void A_change_may_take_effect_within_5_s_of_its_commit()
    {
        var deleted = Start + 30_000;
        var life = Life(1, 1_000);
        foreach (var effect in new[] { 0, 2_000, 5_000 })
        {
            var evidence = Make([life], until: deleted + effect);
            Assert.Empty(Oracle.Check(evidence with { Targets = [life with { Spans = [.. life.Spans, new TargetSpan(deleted, deleted + 10, 0, null)] }] }).Violations);
        }
    }

    [Fact]
    public void A_change_while_the_database_is_away_takes_effect_once_it_is_back()
    {
        var deleted = Start + 30_000;
        var life = Life(1, 1_000);
        var evidence = Make([life], until: deleted + 14_000) with { Targets = [life with { Spans = [.. life.Spans, new TargetSpan(deleted, deleted + 10, 0, null)] }] };
        Found("planned though not due", evidence);
        Assert.Empty(Oracle.Check(evidence with { Faults = [new InjectedFault("database-stop", "", deleted - 3_000, deleted + 6_000)] }).Violations);
        Found("planned though not due", evidence with { Faults = [new InjectedFault("database-stop", "", deleted - 20_000, deleted - 11_000)] });
        Found("planned though not due", evidence with { Faults = [new InjectedFault("broker-stop", "", deleted - 3_000, deleted + 6_000)] });
    }

    [Fact]
    public void A_request_that_comes_late_belongs_to_the_slot_that_was_under_way()
    {
        var late = Flawless.Rows.First(r => r.Slot.TargetId == 1 && r.Slot.DueMs > Start + 20_000);
        var request = Flawless.Requests.First(r => r.TargetId == 1 && r.AtMs > late.Slot.DueMs);
        Assert.Empty(Oracle.Check(Flawless with
        {
            Rows = [.. Flawless.Rows.Select(r => r == late ? r with { TotalUs = 1_200_000 } : r)],
            Requests = [.. Flawless.Requests.Select(r => r == request ? r with { AtMs = late.Slot.DueMs + 1_100 } : r)],
        }).Violations);
    }

    [Fact]
    public void A_gap_counts_what_was_due_in_it()
    {
        var gap = new Gap(0, Start + 20_000, Start + 40_000, 20);
        var evidence = Without(Make([Life(1, 1_000)]), gap);
        var verdict = Oracle.Check(evidence);
        Assert.Empty(verdict.Violations);
        Assert.Equal((60, 20, 20), (verdict.Figures.Planned, verdict.Figures.Missed["NotPlanned"], verdict.Figures.GapSeconds));
        Found("gap miscounted", evidence with { Gaps = [gap with { Slots = 19 }] });
        Found("gap miscounted", evidence with { Gaps = [gap with { Slots = 21 }] });
        Found("open gap", evidence with { Gaps = [gap with { Slots = null }] });
    }

    [Fact]
    public void A_healthy_target_that_is_booked_as_down_is_found_unless_the_suite_was_starved()
    {
        var down = Change(r => r.Slot.TargetId == 1, r => r with { Outcome = Outcome.Timeout });
        var row = down.Rows.First(r => r.Outcome == Outcome.Timeout && r.Slot.TargetId == 1);
        Found("healthy booked as down", down);
        var starved = Oracle.Check(down with { Stalls = [new Stall(row.Slot.DueMs - 100, row.Slot.DueMs + 5)] });
        Assert.Empty(starved.Violations);
        Assert.Equal(1, starved.Figures.Excused);
    }

    [Fact]
    public void A_failing_target_that_is_booked_as_up_is_found() =>
        Found("wrong outcome", Change(r => r.Slot.TargetId == 2, r => r with { Outcome = Outcome.Up }));

    [Fact]
    public void A_request_without_a_slot_is_found() =>
        Found("request without slot", Flawless with { Requests = [.. Flawless.Requests, new Request(2, Start - 30_000)] });

    [Fact]
    public void A_request_long_after_the_last_slot_is_found()
    {
        var life = Life(1, 1_000);
        var ended = life with { Spans = [.. life.Spans, new TargetSpan(Start + 20_000, Start + 20_010, 0, null)] };
        var evidence = Make([life], until: Start + 21_000) with { Targets = [ended] };
        Assert.Empty(Oracle.Check(evidence).Violations);
        Found("request without slot", evidence with { Requests = [.. evidence.Requests, new Request(1, Start + 40_000)] });
    }

    [Fact]
    public void A_slot_that_is_said_to_be_executed_without_a_request_is_found()
    {
        var last = Flawless.Requests.Last(r => r.TargetId == 2);
        Found("executed without request", Flawless with { Requests = [.. Flawless.Requests.Where(r => r != last)] });
    }

    [Fact]
    public void A_second_request_for_a_slot_is_explained_by_a_fault_and_by_nothing_else()
    {
        var request = Flawless.Requests.First(r => r.TargetId == 2 && r.AtMs > Start + 30_000);
        var twice = Flawless with { Requests = [.. Flawless.Requests, request with { AtMs = request.AtMs + 400 }] };
        Found("unexplained request", twice);
        var verdict = Oracle.Check(twice with { Faults = [new InjectedFault("kill-collector", "collector-1", (long)request.AtMs - 500, (long)request.AtMs)] });
        Assert.Empty(verdict.Violations);
        Assert.Equal(1, verdict.Figures.ExtraRequests);
    }

    [Fact]
    public void A_second_request_for_a_slot_is_explained_by_a_window_that_was_published_again()
    {
        var request = Flawless.Requests.First(r => r.TargetId == 2 && r.AtMs > Start + 30_000);
        var takenOver = Flawless with
        {
            Requests = [.. Flawless.Requests, request with { AtMs = request.AtMs + 400 }],
            Windows = [.. Flawless.Windows.Select(w => w.StartMs <= request.AtMs && request.AtMs < w.StartMs + 1_000 ? w with { Attempt = 2 } : w)],
        };
        Assert.Empty(Oracle.Check(takenOver).Violations);
    }

    [Fact]
    public void A_missed_slot_that_was_requested_without_a_fault_is_found() => Found(
        "unexplained request",
        Change(r => r.Slot.TargetId == 2, r => r with { Outcome = Outcome.Lost }, recount: true));

    [Fact]
    public void A_state_that_is_not_the_last_executed_row_is_found()
    {
        Found("wrong state", Flawless with { States = [.. Flawless.States.Skip(1)] });
        Found("wrong state", Flawless with { States = [.. Flawless.States.Select(s => s.TargetId == 2 ? s with { Outcome = Outcome.Up } : s)] });
        Found("wrong state", Flawless with { States = [.. Flawless.States.Select(s => s.TargetId == 2 ? s with { DueMs = s.DueMs - 5_000 } : s)] });
    }

    [Fact]
    public void No_plan_at_all_is_found() => Assert.Contains(Oracle.Check(Flawless with { Windows = [], Rows = [], States = [], Requests = [] }).Violations, v => v.Rule == "no plan");

    private static void Found(string rule, Evidence evidence) => Assert.Equal([rule], Oracle.Check(evidence).Violations.Select(v => v.Rule).Distinct());

    private static TargetLife Life(long id, int intervalMs, Behaviour behaviour = Behaviour.Healthy)
    {
        var target = TargetValidator.Validate(new TargetDefinition { Key = $"t{id}", Url = "http://127.0.0.1/", Interval = $"{intervalMs / 1_000}s", Timeout = "800ms" }).Target!;
        return new TargetLife(id, $"t{id}", behaviour, [new TargetSpan(Settled, Settled + 10, 0, target)]);
    }

    // Every slot planned, probed 1 ms late, and answered after 10 ms.
    private static Evidence Make(TargetLife[] lives, long until = End)
    {
        var rows = lives.SelectMany(l => DueSlots.Required(l, [], Start, until), (life, due) =>
            new Row(new SlotKey(life.Id, 1, due.DueMs), Right(life.Behaviour), 1_000, 10_000, 0, null, "collector-1")).ToList();
        return new Evidence(
            End,
            [.. rows.GroupBy(r => r.Slot.DueMs / 1_000 * 1_000).OrderBy(g => g.Key).Select(g => new Window(0, g.Key, [.. g.Select(r => r.Slot)], g.Count(), g.Count(), 0, 0, true))],
            [], rows,
            [.. rows.GroupBy(r => r.Slot.TargetId).Select(g => g.MaxBy(r => r.Slot.DueMs)!).Select(r => new State(r.Slot.TargetId, 1, r.Outcome, r.Slot.DueMs))],
            lives,
            [.. rows.Where(r => r.Outcome != Outcome.ConnectFailed).Select(r => new Request(r.Slot.TargetId, r.StartMs + 0.5))], [], []);
    }

    private static Outcome Right(Behaviour behaviour) => behaviour switch
    {
        Behaviour.Fails => Outcome.BadStatus,
        Behaviour.Hangs => Outcome.Timeout,
        Behaviour.Refuses => Outcome.ConnectFailed,
        _ => Outcome.Up,
    };

    private static Evidence Spoil(int index, Func<Window, Window> change) => Flawless with { Windows = [.. Flawless.Windows.Select((w, i) => i == index ? change(w) : w)] };

    // Changes one row in the middle; its window's counts too where they are to agree.
    private static Evidence Change(Func<Row, bool> which, Func<Row, Row> change, bool recount = false)
    {
        var old = Flawless.Rows.First(r => which(r) && r.Slot.DueMs > Start + 20_000);
        return Flawless with
        {
            Rows = [.. Flawless.Rows.Select(r => r == old ? change(r) : r)],
            Windows = [.. Flawless.Windows.Select(w => recount && w.Slots.Contains(old.Slot) ? w with { Executed = w.Executed - 1, Missed = 1 } : w)],
        };
    }

    private static Evidence Without(Evidence evidence, Gap gap) => evidence with
    {
        Gaps = [gap],
        Windows = [.. evidence.Windows.Where(w => w.StartMs < gap.FromMs || w.StartMs >= gap.ToMs)],
        Rows = [.. evidence.Rows.Where(r => r.Slot.DueMs < gap.FromMs || r.Slot.DueMs >= gap.ToMs)],
        Requests = [.. evidence.Requests.Where(r => r.AtMs < gap.FromMs || r.AtMs >= gap.ToMs)],
    };
}
