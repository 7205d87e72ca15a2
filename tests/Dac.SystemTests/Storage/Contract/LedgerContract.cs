using Dac.Contracts;
using Dac.Storage;

namespace Dac.SystemTests.Storage.Contract;

public abstract class LedgerContract(Func<Task<TestDatabase>> create) : StoreContract(create)
{
    [Fact]
    public async Task Every_planned_slot_is_counted_once_in_the_class_of_its_row()
    {
        Outcome?[] outcomes =
        [
            Outcome.Up, Outcome.Up, Outcome.Degraded, Outcome.Timeout, Outcome.BadStatus, Outcome.Unprobeable, Outcome.PausedFault, Outcome.ResolverFault,
            Outcome.Expired, Outcome.Expired, Outcome.Lost, Outcome.Undeliverable, Outcome.Clock, Outcome.NotPlanned, null,
        ];
        var start = await PlanAsync(0, outcomes.Length, auditAfterMs: 0);
        await WriteAsync(start, outcomes, late: 2);

        var ledger = await ReadAsync(start, 1);

        Assert.Equal((15, 2, 1, 3, 2), (ledger.Planned, ledger.Up, ledger.Degraded, ledger.Down, ledger.ObserverFaults));
        Assert.Equal(new MissedSlots(Expired: 2, Lost: 1, Undeliverable: 1, Clock: 1, NotPlanned: 1), ledger.Missed);
        Assert.Equal((0, 1, 2, 0), (ledger.Pending, ledger.Unaccounted, ledger.Late, ledger.GapSeconds));
        Assert.Equal(ledger.Planned, ledger.Executed + ledger.ObserverFaults + ledger.Missed.Sum + ledger.Pending + ledger.Unaccounted);
        Assert.Equal(40.0, ledger.CoveragePercent!.Value, 6);
        Assert.Equal(50.0, ledger.UptimePercent!.Value, 6);
    }

    [Fact]
    public async Task A_slot_without_a_row_is_pending_until_its_audit_and_unaccounted_after()
    {
        var now = (await Store.Plan.ReadAsync(Cancel)).NowMs;
        var start = await PlanAsync(0, 3, auditAfterMs: now + 600_000);
        await PlanAsync(1, 2, auditAfterMs: now - 1, at: start);

        var ledger = await ReadAsync(start, 1);

        Assert.Equal((5, 3, 2), (ledger.Planned, ledger.Pending, ledger.Unaccounted));
        Assert.Equal(0.0, ledger.CoveragePercent);
        Assert.Null(ledger.UptimePercent);
    }

    [Fact]
    public async Task A_row_that_nobody_planned_is_not_counted()
    {
        var start = await PlanAsync(0, 1, auditAfterMs: 0);
        await WriteAsync(start, [Outcome.Up, Outcome.Up], late: 0);

        Assert.Equal((1, 1), ((await ReadAsync(start, 1)).Planned, (await ReadAsync(start, 1)).Up));
    }

    [Fact]
    public async Task The_span_counts_whole_seconds_and_nothing_beside_it()
    {
        var start = await PlanAsync(0, 1, auditAfterMs: 0);
        await PlanAsync(0, 2, auditAfterMs: 0, at: start + 1_000, seen: start + 1_000);
        await PlanAsync(0, 4, auditAfterMs: 0, at: start + 2_000, seen: start + 2_000);

        Assert.Equal(2, (await ReadAsync(start + 1_000, 1)).Planned);
        var widened = await Store.Ledger.ReadAsync(DateTimeOffset.FromUnixTimeMilliseconds(start + 1_500), DateTimeOffset.FromUnixTimeMilliseconds(start + 2_001), Cancel);
        Assert.Equal((6, start + 1_000, start + 3_000), (widened.Planned, widened.From.ToUnixTimeMilliseconds(), widened.To.ToUnixTimeMilliseconds()));
        Assert.Equal(0, (await ReadAsync(start + 3_000, 60)).Planned);
        Assert.Null((await ReadAsync(start + 3_000, 60)).CoveragePercent);
    }

    [Fact]
    public async Task Gaps_count_the_seconds_that_lie_in_the_span()
    {
        var start = await PlanAsync(0, 1, auditAfterMs: 0);
        await PlanAsync(0, 1, auditAfterMs: 0, at: start + 6_000, seen: start + 1_000);

        Assert.Equal(5, (await ReadAsync(start, 10)).GapSeconds);
        Assert.Equal(2, (await ReadAsync(start + 2_000, 2)).GapSeconds);
        Assert.Equal(0, (await ReadAsync(start + 6_000, 2)).GapSeconds);
    }

    [Fact]
    public async Task One_target_or_tag_is_accounted_for_by_its_own_slots()
    {
        await Store.Targets.SaveAsync([new() { Key = "a", Url = "http://127.0.0.1/", Interval = "1s", Tags = ["x", "y"] }, new() { Key = "b", Url = "http://127.0.0.1/", Interval = "1s", Tags = ["y"] }], null, Cancel);
        var start = await PlanAsync(0, 3, auditAfterMs: 0);
        await WriteAsync(start, [Outcome.Up, Outcome.Timeout, Outcome.Lost], late: 0);

        Assert.Equal((1, 1, 0), await OfAsync(new(TargetId: 1)));
        Assert.Equal((1, 0, 1), await OfAsync(new(TargetId: 2)));
        Assert.Equal((2, 1, 1), await OfAsync(new(Tag: "y")));
        Assert.Equal((1, 1, 0), await OfAsync(new(Tag: "x")));
        Assert.Equal((0, 0, 0), await OfAsync(new(TargetId: 2, Tag: "x")));
        Assert.Equal((0, 0, 0), await OfAsync(new(Tag: "' OR 1 = 1")));

        async Task<(long, long, long)> OfAsync(LedgerFilter filter)
        {
            var ledger = await Store.Ledger.ReadAsync(DateTimeOffset.FromUnixTimeMilliseconds(start), DateTimeOffset.FromUnixTimeMilliseconds(start + 1_000), filter, Cancel);
            return (ledger.Planned, ledger.Up, ledger.Down);
        }
    }

    [Fact]
    public async Task A_long_gap_counts_for_each_target_and_each_part_of_it_what_was_due()
    {
        await Store.Targets.SaveAsync([new() { Key = "a", Url = "http://127.0.0.1/", Interval = "1s" }, new() { Key = "b", Url = "http://127.0.0.1/", Interval = "10s" }], null, Cancel);
        var from = DateTimeOffset.FromUnixTimeMilliseconds(((await Store.Plan.ReadAsync(Cancel)).NowMs / 10_000 * 10_000) + 10_000);
        await using (var db = Store.Context())
        {
            var partition = (await db.Targets.FindAsync([1L], Cancel))!.Partition;
            db.Add(new Dac.Storage.Model.PlanGap { Partition = partition, FromTime = from, ToTime = from.AddMinutes(10), Slots = 660 });
            await db.SaveChangesAsync(Cancel);
        }

        Assert.Equal(660, (await Store.Ledger.ReadAsync(from.AddMinutes(-1), from.AddMinutes(20), Cancel)).Missed.NotPlanned);
        Assert.Equal(600, (await Store.Ledger.ReadAsync(from.AddMinutes(-1), from.AddMinutes(20), new LedgerFilter(TargetId: 1), Cancel)).Missed.NotPlanned);
        Assert.Equal(66, (await Store.Ledger.ReadAsync(from.AddMinutes(9), from.AddMinutes(20), Cancel)).Missed.NotPlanned);
        Assert.Equal(6, (await Store.Ledger.ReadAsync(from.AddMinutes(1), from.AddMinutes(2), new LedgerFilter(TargetId: 2), Cancel)).Missed.NotPlanned);
    }

    // Slots of targets 1 to count, a millisecond apart.
    private async Task<long> PlanAsync(short partition, int count, long auditAfterMs, long? at = null, long? seen = null)
    {
        var start = at ?? (((await Store.Plan.ReadAsync(Cancel)).NowMs / 1_000 * 1_000) + 3_000);
        PlannedSlot[] slots = [.. Enumerable.Range(0, count).Select(i => new PlannedSlot((partition * 1_000) + i + 1, 1, (short)i))];
        var won = await Store.Plan.PlanAsync([new PartitionPlan(partition, seen, start, start + 1_000, count, [new PlannedWindow(partition, start, slots, count, 1, auditAfterMs)])], 1, Cancel);
        Assert.Single(won);
        return start;
    }

    private Task<int> WriteAsync(long start, Outcome?[] outcomes, int late) => Store.Results.WriteAsync(
        [.. outcomes.Select((o, i) => (Outcome: o, Index: i)).Where(o => o.Outcome is not null).Select(o => new ResultRow(1, 1, new ProbeResult
        {
            TargetId = o.Index + 1, ScheduledAtMs = start + o.Index, Outcome = o.Outcome!.Value, Flags = o.Index < late ? ProbeRemarks.Late | ProbeRemarks.Saturated : ProbeRemarks.Saturated,
        }))],
        Cancel);

    private Task<Ledger> ReadAsync(long fromMs, int seconds) =>
        Store.Ledger.ReadAsync(DateTimeOffset.FromUnixTimeMilliseconds(fromMs), DateTimeOffset.FromUnixTimeMilliseconds(fromMs + (seconds * 1_000L)), Cancel);
}
