using Dac.Storage;
using Dac.Storage.Model;
using Dac.SystemTests.Fixtures;
using Microsoft.EntityFrameworkCore;

namespace Dac.SystemTests.Storage.Contract;

public abstract class PlanStoreContract(Func<Task<TestDatabase>> create) : StoreContract(create)
{
    private const long Revision = 7;

    private IPlanStore Plan => Store.Plan;

    [Fact]
    public async Task A_new_database_has_never_been_planned()
    {
        var state = await Plan.ReadAsync(Cancel);

        Assert.Equal([null, null, null, null], state.PlannedUntilMs);
        Assert.Equal(0, state.Revision);
        Assert.InRange(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() - state.NowMs, -1_000, 1_000);
    }

    [Fact]
    public async Task A_window_reads_back_as_it_was_planned()
    {
        var start = await NextSecondAsync();
        PlannedSlot[] slots = [new(1, 1, 0), new(long.MaxValue, short.MaxValue, 500), new(3, 2, 999)];

        var won = await Plan.PlanAsync([Offer(2, null, start, slots: slots)], Revision, Cancel);

        Assert.Equal([(short)2], won);
        var window = Assert.Single(await Store.AllAsync<PlanWindow>());
        Assert.Equal((2, start), (window.Partition, window.StartsAt.ToUnixTimeMilliseconds()));
        Assert.Equal(slots.Select(s => s.TargetId), window.SlotTargets!);
        Assert.Equal(slots.Select(s => s.LocationId), window.SlotLocations!);
        Assert.Equal(slots.Select(s => s.OffsetMs), window.SlotOffsetsMs!);
        Assert.Equal((3, Revision, 33, 1), (window.Planned, window.Revision, window.ActiveTargets, window.Attempt));
        Assert.Equal(start + 60_000, window.AuditAfter.ToUnixTimeMilliseconds());
        Assert.Null(window.PublishedAt);
        Assert.Null(window.AuditedAt);
        var cursor = (await Store.AllAsync<PlanCursor>()).Single(c => c.Partition == 2);
        Assert.Equal((start + 1_000, Revision, 33), (cursor.PlannedUntil!.Value.ToUnixTimeMilliseconds(), cursor.Revision, cursor.ActiveTargets));
    }

    [Fact]
    public async Task Windows_of_several_partitions_and_seconds_in_one_statement_each_keep_their_own_slots()
    {
        var start = await NextSecondAsync();
        var offers = Enumerable.Range(0, 4).Select(p => new PartitionPlan((short)p, null, start, start + 3_000, 1,
            [.. Enumerable.Range(0, 3).Where(s => s != p).Select(s => Window((short)p, start + (s * 1_000), new PlannedSlot((p * 10) + s, 1, (short)p)))])).ToList();

        var won = await Plan.PlanAsync(offers, Revision, Cancel);

        Assert.Equal(4, won.Count);
        var windows = await Store.AllAsync<PlanWindow>();
        Assert.Equal(offers.Sum(o => o.Windows.Count), windows.Count);
        Assert.All(windows, w =>
        {
            var second = (w.StartsAt.ToUnixTimeMilliseconds() - start) / 1_000;
            Assert.Equal([(w.Partition * 10) + second], w.SlotTargets!);
            Assert.Equal([w.Partition], w.SlotOffsetsMs!);
        });
    }

    [Fact]
    public async Task A_second_without_slots_moves_the_cursor_and_writes_no_window()
    {
        var start = await NextSecondAsync();

        await Plan.PlanAsync([new PartitionPlan(0, null, start, start + 2_000, 0, [])], Revision, Cancel);

        Assert.Equal(start + 2_000, (await Plan.ReadAsync(Cancel)).PlannedUntilMs[0]);
        Assert.Empty(await Store.AllAsync<PlanWindow>());
    }

    [Fact]
    public async Task The_checksum_is_what_SQL_computes_from_the_slots()
    {
        var start = await NextSecondAsync();
        await Plan.PlanAsync([Offer(0, null, start, slots: [new(5_000_000_000_000, 3, 999), new(1, 1, 0), new(2147483647, 2, 17)])], Revision, Cancel);

        var figures = Assert.Single(await Store.QueryAsync(Store.Context() is SqliteDbContext
            ? """
              SELECT w.checksum, sum(s.value % 2147483647 * ((w.starts_at + (w.slot_offsets_ms ->> s.key)) % 2147483647) % 2147483647 * 31 + (w.slot_locations ->> s.key))
              FROM plan_window w CROSS JOIN json_each(w.slot_targets) s
              """
            : """
              SELECT min(w.checksum), sum(s.target_id % 2147483647 * (((extract(epoch FROM w.starts_at) * 1000)::bigint + s.offset_ms) % 2147483647) % 2147483647 * 31 + s.location_id)::bigint
              FROM plan_window w CROSS JOIN LATERAL unnest(w.slot_targets, w.slot_locations, w.slot_offsets_ms) AS s(target_id, location_id, offset_ms)
              """));

        Assert.Equal(figures[0], figures[1]);
    }

    [Fact]
    public async Task Of_two_offers_for_the_same_seconds_one_wins_and_the_other_writes_nothing()
    {
        var start = await NextSecondAsync();

        var first = await Plan.PlanAsync([Offer(0, null, start, slots: new PlannedSlot(1, 1, 0))], Revision, Cancel);
        var second = await Plan.PlanAsync([Offer(0, null, start, slots: new PlannedSlot(2, 1, 0)), Offer(1, null, start, slots: new PlannedSlot(3, 1, 0))], Revision, Cancel);

        Assert.Equal([(short)0], first);
        Assert.Equal([(short)1], second);
        Assert.Equal([1, 3], (await Store.AllAsync<PlanWindow>()).OrderBy(w => w.Partition).SelectMany(w => w.SlotTargets!));
    }

    [Fact]
    public async Task Of_eight_schedulers_at_once_each_second_of_each_partition_has_one_winner()
    {
        var schedulers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => StartAsync()));
        var start = await NextSecondAsync();
        long? seen = null;
        for (var round = 0; round < 5; round++)
        {
            var from = start + (round * 1_000);
            // Each offers all partitions, in an order of its own.
            var won = await Task.WhenAll(schedulers.Select((s, i) => Task.Run(() => s.Plan.PlanAsync(
                [.. Enumerable.Range(0, 4).Select(p => Offer((short)((p + i) % 4), seen, from, slots: new PlannedSlot(i, 1, 0)))], Revision, Cancel))));

            Assert.Equal([0, 1, 2, 3], won.SelectMany(w => w).Select(p => (int)p).Order());
            seen = from + 1_000;
        }
        Assert.Equal(20, (await Store.AllAsync<PlanWindow>()).Count);
        Assert.Empty(await Store.AllAsync<PlanGap>());
    }

    [Fact]
    public async Task Seconds_between_the_cursor_and_the_first_window_are_recorded_as_a_gap()
    {
        var start = await NextSecondAsync();
        await Plan.PlanAsync([Offer(0, null, start), Offer(1, null, start)], Revision, Cancel);

        await Plan.PlanAsync([Offer(0, start + 1_000, start + 4_000), Offer(1, start + 1_000, start + 1_000)], Revision, Cancel);

        var gap = Assert.Single(await Store.AllAsync<PlanGap>());
        Assert.Equal((0, start + 1_000, start + 4_000), (gap.Partition, gap.FromTime.ToUnixTimeMilliseconds(), gap.ToTime.ToUnixTimeMilliseconds()));
    }

    [Fact]
    public async Task Seconds_that_have_begun_are_not_planned()
    {
        var start = await NextSecondAsync();

        var won = await Plan.PlanAsync([Offer(0, null, start - 10_000, slots: new PlannedSlot(1, 1, 0))], Revision, Cancel);

        Assert.Empty(won);
        Assert.Empty(await Store.AllAsync<PlanWindow>());
        Assert.Null((await Plan.ReadAsync(Cancel)).PlannedUntilMs[0]);
    }

    [Fact]
    public async Task Seconds_far_ahead_are_not_planned()
    {
        var start = await NextSecondAsync();

        var won = await Plan.PlanAsync([Offer(0, null, start + 60_000, slots: new PlannedSlot(1, 1, 0))], Revision, Cancel);

        Assert.Empty(won);
    }

    [Fact]
    public async Task An_unpublished_window_is_claimed_once_its_lease_is_over_and_not_before()
    {
        var start = await NextSecondAsync();
        var slots = new PlannedSlot[] { new(1, 1, 0), new(2, 2, 999) };
        await Plan.PlanAsync([Offer(3, null, start, slots: slots)], Revision, Cancel);
        Assert.Empty(await Plan.ClaimUnpublishedAsync(64, Cancel));

        var claimed = await ClaimAsync();

        var window = Assert.Single(claimed);
        Assert.Equal(Window(3, start, slots) with { Attempt = 2, Slots = window.Slots }, window);
        Assert.Equal(slots, window.Slots);
        Assert.Empty(await Plan.ClaimUnpublishedAsync(64, Cancel));
        Assert.Equal(3, Assert.Single(await ClaimAsync()).Attempt);
    }

    [Fact]
    public async Task Of_four_schedulers_at_once_one_claims_a_window()
    {
        var start = await NextSecondAsync();
        await Plan.PlanAsync([Offer(0, null, start, slots: new PlannedSlot(1, 1, 0))], Revision, Cancel);
        var schedulers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => StartAsync()));

        var claims = new List<PlannedWindow>();
        await Poll.UntilAsync("the window is claimed", async () =>
        {
            claims.AddRange((await Task.WhenAll(schedulers.Select(s => Task.Run(() => s.Plan.ClaimUnpublishedAsync(64, Cancel))))).SelectMany(c => c));
            return claims.Count > 0;
        });

        Assert.Single(claims);
    }

    [Fact]
    public async Task A_published_window_is_never_claimed()
    {
        var start = await NextSecondAsync();
        await Plan.PlanAsync([Offer(0, null, start, slots: new PlannedSlot(1, 1, 0)), Offer(1, null, start, slots: new PlannedSlot(2, 1, 0))], Revision, Cancel);

        await Plan.MarkPublishedAsync([Window(0, start)], Cancel);

        // Both leases end at the same time: when the other one can be claimed, this one could be.
        Assert.Equal(1, Assert.Single(await ClaimAsync()).Partition);
        Assert.NotNull((await Store.AllAsync<PlanWindow>()).Single(w => w.Partition == 0).PublishedAt);
    }

    [Fact]
    public async Task Where_the_clock_was_ahead_the_plan_is_taken_back_as_the_docs_say_and_goes_on()
    {
        var now = DateTimeOffset.FromUnixTimeMilliseconds((await Plan.ReadAsync(Cancel)).NowMs / 1_000 * 1_000);
        await using (var db = Store.Context())
        {
            await db.PlanCursors.ExecuteUpdateAsync(s => s.SetProperty(c => c.PlannedUntil, now.AddHours(2)), Cancel);
            db.Add(new PlanGap { Partition = 0, FromTime = now.AddSeconds(-10), ToTime = now.AddHours(2) });
            db.Add(new PlanWindow { Partition = 0, StartsAt = now.AddHours(2), Planned = 1, SlotTargets = [1], SlotLocations = [1], SlotOffsetsMs = [0] });
            await db.SaveChangesAsync(Cancel);
            await db.Database.ExecuteSqlRawAsync(OperationsPage.TakePlanBack(db.Database.IsSqlite() ? "SQLite" : "PostgreSQL"), Cancel);
        }

        var seen = (await Plan.ReadAsync(Cancel)).PlannedUntilMs;
        Assert.All(seen, until => Assert.InRange(until!.Value, now.ToUnixTimeMilliseconds(), now.AddSeconds(30).ToUnixTimeMilliseconds()));
        Assert.Equal(seen[0], Assert.Single(await Store.AllAsync<PlanGap>()).ToTime.ToUnixTimeMilliseconds());
        Assert.Empty(await Store.AllAsync<PlanWindow>());
        var start = await NextSecondAsync();
        Assert.Equal([(short)0], await Plan.PlanAsync([Offer(0, seen[0], start, slots: new PlannedSlot(1, 1, 0))], Revision, Cancel));
    }

    private static PlannedWindow Window(short partition, long startMs, params PlannedSlot[] slots) => new(partition, startMs, slots, 33, Revision, startMs + 60_000);

    private static PartitionPlan Offer(short partition, long? seen, long fromMs, params PlannedSlot[] slots) =>
        new(partition, seen, fromMs, fromMs + 1_000, 33, slots.Length == 0 ? [] : [Window(partition, fromMs, slots)]);

    private async Task<long> NextSecondAsync() => ((await Plan.ReadAsync(Cancel)).NowMs / 1_000 * 1_000) + 3_000;

    private async Task<IReadOnlyList<PlannedWindow>> ClaimAsync()
    {
        IReadOnlyList<PlannedWindow> claimed = [];
        await Poll.UntilAsync("the lease is over", async () => (claimed = await Plan.ClaimUnpublishedAsync(64, Cancel)).Count > 0, TimeSpan.FromSeconds(5));
        return claimed;
    }
}
