using Dac.Contracts;
using Dac.Storage;
using Dac.Storage.Model;

namespace Dac.SystemTests.Storage.Contract;

public abstract class AuditContract(Func<Task<TestDatabase>> create) : StoreContract(create)
{
    // A minute ago, on a whole second.
    private readonly long _start = (TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() - 60) * 1_000;

    [Fact]
    public async Task A_window_past_its_time_is_closed_and_what_is_missing_becomes_lost()
    {
        await PlanAsync(0, 4);
        await WriteAsync(Outcome.Up, Outcome.Timeout, Outcome.PausedFault, null);

        Assert.Equal(new AuditSummary(1, 4, 1), await Store.Audit.AuditAsync(10, TimeSpan.Zero, Cancel));

        var window = Assert.Single(await Store.AllAsync<PlanWindow>());
        Assert.Equal((2, 1, 1), (window.Executed!.Value, window.ObserverFaults!.Value, window.Missed!.Value));
        Assert.NotNull(window.AuditedAt);
        Assert.Equal([Outcome.Up, Outcome.Timeout, Outcome.PausedFault, Outcome.Lost], (await Store.AllAsync<StoredResult>()).OrderBy(r => r.TargetId).Select(r => r.Outcome));
        Assert.Equal(new AuditSummary(0, 0, 0), await Store.Audit.AuditAsync(10, TimeSpan.Zero, Cancel));
    }

    [Fact]
    public async Task A_window_before_its_time_stays_open()
    {
        await PlanAsync(0, 4, auditIn: TimeSpan.FromMinutes(5));

        Assert.Equal(new AuditSummary(0, 0, 0), await Store.Audit.AuditAsync(10, TimeSpan.Zero, Cancel));
        Assert.Empty(await Store.AllAsync<StoredResult>());
    }

    [Fact]
    public async Task A_window_whose_time_was_over_less_long_ago_than_results_wait_stays_open()
    {
        await PlanAsync(0, 4, auditIn: TimeSpan.FromMinutes(-2));

        Assert.Equal(new AuditSummary(0, 0, 0), await Store.Audit.AuditAsync(10, TimeSpan.FromMinutes(3), Cancel));
        Assert.Equal(new AuditSummary(1, 4, 4), await Store.Audit.AuditAsync(10, TimeSpan.FromMinutes(1), Cancel));
    }

    [Fact]
    public async Task A_result_that_comes_after_the_audit_replaces_the_lost_row_and_opens_the_window_again()
    {
        await PlanAsync(0, 2);
        await Store.Audit.AuditAsync(10, TimeSpan.Zero, Cancel);
        await WriteAsync(Outcome.Up, null);

        Assert.Null(Assert.Single(await Store.AllAsync<PlanWindow>()).AuditedAt);
        Assert.Equal(new AuditSummary(1, 2, 0), await Store.Audit.AuditAsync(10, TimeSpan.Zero, Cancel));
        var window = Assert.Single(await Store.AllAsync<PlanWindow>());
        Assert.Equal((1, 0, 1), (window.Executed!.Value, window.ObserverFaults!.Value, window.Missed!.Value));
    }

    [Fact]
    public async Task What_comes_after_the_audit_without_being_in_any_plan_is_added_to_it()
    {
        await PlanAsync(0, 2);
        await PlanAsync(1, 2);
        await WriteAsync(Outcome.Up, Outcome.Up);
        await Store.Audit.AuditAsync(10, TimeSpan.Zero, Cancel);
        var start = DateTimeOffset.FromUnixTimeMilliseconds(_start);
        await using (var db = Store.Context())
        {
            db.AddRange(new (short Partition, int I)[] { (1, 7), (1, 8), (2, 9) }.Select(t => new TargetVersion { TargetId = Target(t.Partition, t.I), Revision = t.I, Spec = "{}", Partition = t.Partition, ValidFrom = start.AddDays(-1), ValidTo = start.AddSeconds(-30) }));
            await db.SaveChangesAsync(Cancel);
        }

        // Probed by a plan that did not hear of their deletion, or held back until it was too late; of the third's partition nothing else was due.
        await Store.Results.WriteAsync([Row(1, 7, Outcome.Up), Row(1, 8, Outcome.Expired), Row(2, 9, Outcome.Up)], Cancel);
        await Store.Audit.AuditAsync(10, TimeSpan.Zero, Cancel);
        await Store.Audit.AuditAsync(10, TimeSpan.Zero, Cancel);

        var windows = (await Store.AllAsync<PlanWindow>()).OrderBy(w => w.Partition).ToList();
        Assert.Equal((2, 2, 0, false), (windows[0].Planned, windows[0].Executed, windows[0].Missed, windows[0].Unexplained));
        Assert.Equal((4, 1, 3, true), (windows[1].Planned, windows[1].Executed, windows[1].Missed, windows[1].Unexplained));
        Assert.Equal([Target(1, 0), Target(1, 1), Target(1, 7), Target(1, 8)], windows[1].SlotTargets!.Order().Select(t => (int)t));
        Assert.Equal((1, 1, 0, true), (windows[2].Planned, windows[2].Executed, windows[2].Missed, windows[2].Unexplained));
        Assert.All(windows, w => Assert.NotNull(w.AuditedAt));
        Assert.Equal((7, 0, 0), (await LedgerAsync()) is var ledger ? (ledger.Planned, ledger.Unaccounted, ledger.Pending) : default);
    }

    [Fact]
    public async Task Of_many_windows_so_many_are_closed_at_a_time_and_each_once()
    {
        for (short partition = 0; partition < 4; partition++)
            await PlanAsync(partition, 3);

        Assert.Equal(3, (await Store.Audit.AuditAsync(3, TimeSpan.Zero, Cancel))!.Windows);
        var others = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Store.Audit.AuditAsync(3, TimeSpan.Zero, Cancel)));
        Assert.Equal(1, others.Sum(o => o?.Windows ?? 0));
        Assert.Equal(12, (await Store.AllAsync<StoredResult>()).Count);
    }

    [Fact]
    public async Task An_audit_beside_writers_leaves_every_window_with_the_counts_of_its_rows()
    {
        for (short partition = 0; partition < 4; partition++)
            await PlanAsync(partition, 50);
        var writing = Enumerable.Range(0, 4).Select(partition => Task.Run(async () =>
        {
            for (var i = 0; i < 50; i++)
                await Store.Results.WriteAsync([Row(partition, i, Outcome.Up)], Cancel);
        })).ToList();
        while (!Task.WhenAll(writing).IsCompleted)
            await Store.Audit.AuditAsync(10, TimeSpan.Zero, Cancel);
        await Task.WhenAll(writing);
        await Store.Audit.AuditAsync(10, TimeSpan.Zero, Cancel);

        Assert.All(await Store.AllAsync<PlanWindow>(), w => Assert.Equal((50, 0), (w.Executed ?? -1, w.Missed ?? -1)));
    }

    [Fact]
    public async Task A_short_gap_gets_a_row_for_each_slot_once()
    {
        var gap = await GapAsync();
        PlannedWindow[] windows = [new(0, _start, [new(1, 1, 5), new(2, 1, 6)], 2, 1, _start), new(0, _start + 1_000, [new(1, 1, 5)], 2, 1, _start)];
        var closed = await Task.WhenAll(Store.Audit.CloseGapAsync(gap, gap.ToTime, windows, [], 0, Cancel), Store.Audit.CloseGapAsync(gap, gap.ToTime, windows, [], 0, Cancel));

        Assert.Equal([0, 3], closed.Order());

        Assert.Empty(await Store.Audit.OpenGapsAsync(10, Cancel));
        Assert.All(await Store.AllAsync<StoredResult>(), r => Assert.Equal(Outcome.NotPlanned, r.Outcome));
        Assert.Equal(new AuditSummary(2, 3, 0), await Store.Audit.AuditAsync(10, TimeSpan.Zero, Cancel));
        var ledger = await LedgerAsync();
        Assert.Equal((3, 3, 0), (ledger.Planned, ledger.Missed.NotPlanned, ledger.Unaccounted));
    }

    [Fact]
    public async Task A_long_gap_is_a_number()
    {
        var gap = await GapAsync();
        Assert.Equal(1_000_000, await Store.Audit.CloseGapAsync(gap, gap.ToTime, [], [], 1_000_000, Cancel));

        Assert.Empty(await Store.Audit.OpenGapsAsync(10, Cancel));
        Assert.Empty(await Store.AllAsync<StoredResult>());
        var ledger = await LedgerAsync();
        Assert.Equal((1_000_000, 1_000_000, 0), (ledger.Planned, ledger.Missed.NotPlanned, ledger.Unaccounted));
    }

    [Fact]
    public async Task What_was_probed_in_a_gap_counts_as_probed_and_only_the_rest_as_not_planned()
    {
        var gap = await GapAsync();
        Assert.False(await Store.Audit.WasProbedAsync(gap, Cancel));
        await WriteAsync(Outcome.Up, null, Outcome.ResolverFault);
        Assert.True(await Store.Audit.WasProbedAsync(gap, Cancel));
        PlannedWindow[] windows = [new(0, _start, [.. Enumerable.Range(0, 3).Select(i => new PlannedSlot(Target(0, i), 1, (short)i))], 3, 1, _start)];

        Assert.Equal(1, await Store.Audit.CloseGapAsync(gap, gap.ToTime, windows, [], 0, Cancel));

        Assert.Equal(new AuditSummary(1, 3, 0), await Store.Audit.AuditAsync(10, TimeSpan.Zero, Cancel));
        var ledger = await LedgerAsync();
        Assert.Equal((3, 1, 1, 1, 0), (ledger.Planned, ledger.Executed, ledger.ObserverFaults, ledger.Missed.NotPlanned, ledger.Unaccounted));
    }

    [Fact]
    public async Task A_gap_in_which_everything_was_probed_was_none()
    {
        var gap = await GapAsync();
        await WriteAsync(Outcome.Up);

        Assert.Equal(0, await Store.Audit.CloseGapAsync(gap, gap.ToTime, [new(0, _start, [new PlannedSlot(Target(0, 0), 1, 0)], 1, 1, _start)], [], 0, Cancel));

        Assert.Empty(await Store.AllAsync<PlanGap>());
    }

    [Fact]
    public async Task A_gap_that_is_closed_in_part_stays_open_for_the_rest()
    {
        var gap = await GapAsync();
        var middle = gap.FromTime.AddSeconds(1);

        Assert.Equal(1, await Store.Audit.CloseGapAsync(gap, middle, [new(0, _start, [new PlannedSlot(Target(0, 0), 1, 0)], 1, 1, _start)], [], 0, Cancel));

        var rest = Assert.Single(await Store.Audit.OpenGapsAsync(10, Cancel));
        Assert.Equal((middle, gap.ToTime), (rest.FromTime, rest.ToTime));
        Assert.Equal(2, (await Store.AllAsync<PlanGap>()).Count);
    }

    [Fact]
    public async Task What_was_probed_just_after_a_gap_without_being_planned_there_is_added_to_the_plan_and_counted()
    {
        var gap = await GapAsync();
        await PlanAsync(0, 2);
        await WriteAsync(Outcome.Up, Outcome.Up, Outcome.BadStatus);
        Assert.Equal(new AuditSummary(1, 2, 0), await Store.Audit.AuditAsync(10, TimeSpan.Zero, Cancel));
        PlannedWindow[] strays = [new(0, _start, [new(Target(0, 2), 1, 2)], 0, 0, _start), new(0, _start + 1_000, [new(Target(0, 2), 1, 7)], 0, 0, _start)];

        await Store.Audit.CloseGapAsync(gap, gap.ToTime, [], strays, 0, Cancel);
        await Store.Audit.AuditAsync(10, TimeSpan.Zero, Cancel);

        var (first, second) = ((await Store.AllAsync<PlanWindow>()).Single(w => w.Planned == 3), (await Store.AllAsync<PlanWindow>()).Single(w => w.Planned == 1));
        Assert.Equal((3, 0, true), (first.Executed, first.Missed, first.Unexplained));
        Assert.Equal((0, 1, true), (second.Executed, second.Missed, second.Unexplained));
        Assert.Equal(strays[1].Checksum(), second.Checksum);
    }

    private async Task<PlanGap> GapAsync()
    {
        await using var db = Store.Context();
        db.Add(new PlanGap { Partition = 0, FromTime = DateTimeOffset.FromUnixTimeMilliseconds(_start), ToTime = DateTimeOffset.FromUnixTimeMilliseconds(_start + 2_000) });
        await db.SaveChangesAsync(Cancel);
        return Assert.Single(await Store.Audit.OpenGapsAsync(10, Cancel));
    }

    // The past can't be planned through the store's fence.
    private async Task PlanAsync(short partition, int count, TimeSpan auditIn = default)
    {
        await using var db = Store.Context();
        db.Add(new PlanWindow
        {
            Partition = partition,
            StartsAt = DateTimeOffset.FromUnixTimeMilliseconds(_start),
            Planned = count,
            SlotTargets = [.. Enumerable.Range(0, count).Select(i => (long)Target(partition, i))],
            SlotLocations = [.. Enumerable.Repeat((short)1, count)],
            SlotOffsetsMs = [.. Enumerable.Range(0, count).Select(i => (short)i)],
            AuditAfter = TimeProvider.System.GetUtcNow().AddSeconds(-1) + auditIn,
        });
        await db.SaveChangesAsync(Cancel);
    }

    private Task<int> WriteAsync(params Outcome?[] outcomes) =>
        Store.Results.WriteAsync([.. outcomes.Index().Where(o => o.Item is not null).Select(o => Row(0, o.Index, o.Item!.Value))], Cancel);

    private ResultRow Row(int partition, int i, Outcome outcome) => new(1, 1, new ProbeResult { TargetId = Target(partition, i), ScheduledAtMs = _start + i, Outcome = outcome });

    private static int Target(int partition, int i) => partition * 1_000 + i + 1;

    private Task<Ledger> LedgerAsync() =>
        Store.Ledger.ReadAsync(DateTimeOffset.FromUnixTimeMilliseconds(_start), DateTimeOffset.FromUnixTimeMilliseconds(_start + 2_000), Cancel);
}
