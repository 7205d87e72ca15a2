using Dac.Contracts;
using Dac.Hosting;
using Dac.Scheduler;
using Dac.Storage;
using Dac.SystemTests.Storage.Contract;
using Dac.Tests.Support;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Dac.Tests.Scheduler;

/// <summary>The plan where the database, another scheduler or a clock fails.</summary>
public sealed class PlanOutageTests : SchedulerTests
{
    [Fact]
    public async Task Seconds_that_nobody_planned_are_a_gap_and_planning_goes_on_from_now()
    {
        await SaveAsync("http://127.0.0.1/", "1s");
        await TickAsync(Scheduler());
        Time.Advance(TimeSpan.FromSeconds(60));
        await TickAsync(Scheduler());
        Assert.Equal([1, 2, 3, 61, 62, 63], (await WindowsAsync()).Select(w => Seconds(w.StartsAt)));
        var gaps = await Database.QueryAsync(db => db.PlanGaps.ToListAsync(TestContext.Current.CancellationToken));
        Assert.Equal(16, gaps.Count);
        Assert.All(gaps, g => Assert.Equal((4, 61), (Seconds(g.FromTime), Seconds(g.ToTime))));
    }

    [Trait("slow", "yes")]
    [Fact]
    public async Task While_the_database_takes_nothing_the_plan_goes_on_from_memory_and_the_audit_finds_every_slot_afterwards()
    {
        await SaveAsync("http://127.0.0.1/", "1s");
        // The deadline runs in real time, since the database is really locked.
        var scheduler = Scheduler(TimeProvider.System);
        await TickAsync(scheduler);
        await using (var other = new SqliteConnection(Database.ConnectionString))
        {
            await other.OpenAsync(TestContext.Current.CancellationToken);
            using var locked = other.BeginTransaction();
            // The first tick that fails leaves others time to go on; each after it publishes a second more, also where a busy machine takes more than one try.
            await NextAsync(scheduler);
            for (var second = 4; second <= 6; second++)
            {
                Time.Advance(TimeSpan.FromSeconds(1));
                await Until.TrueAsync(async () =>
                {
                    await TickAsync(scheduler);
                    return Probes().Count >= second;
                }, $"the slot of second {second}");
            }
        }
        Assert.Equal([1, 2, 3], (await WindowsAsync()).Select(w => Seconds(w.StartsAt)));

        await Until.TrueAsync(async () =>
        {
            await NextAsync(scheduler);
            return (await WindowsAsync()).Count > 3;
        }, "the database's plan");

        var slots = Probes().Select(p => p.ScheduledAtMs).Distinct().Order().ToList();
        // What was probed from memory has its results, as if a collector had reported them.
        await Database.Get<IResultStore>().WriteAsync(
            [.. slots.Take(6).Select(ms => new ResultRow(1, 1, new ProbeResult { TargetId = 1, ScheduledAtMs = ms, Outcome = Outcome.Up }))], TestContext.Current.CancellationToken);
        Time.Advance(TimeSpan.FromSeconds(20));
        await Database.AuditJob(Time).Execute(null!, TestContext.Current.CancellationToken);
        var windows = await WindowsAsync();
        Assert.Equal(Enumerable.Range(1, windows.Count), windows.Select(w => Seconds(w.StartsAt)));
    }

    [Fact]
    public async Task A_window_that_was_planned_and_not_published_is_published_by_another_scheduler()
    {
        await SaveAsync("http://127.0.0.1/", "1s");
        var start = await LeaveBehindAsync(new PlannedSlot(1, 1, 618));
        await TickAsync(Scheduler());
        await Until.TrueAsync(() => Probes().Any(p => p.ScheduledAtMs == start + 618), "the window taken over");
        lock (Published)
            Assert.Equal(2, Published.Single(b => b.WindowStartMs == start && b.Partition == 2).Attempt);
    }

    [Fact]
    public async Task What_a_scheduler_has_won_is_published_also_where_it_cannot_claim_what_others_left()
    {
        await SaveAsync("http://127.0.0.1/", "1s");
        await LeaveBehindAsync(new PlannedSlot(1, 1, 618));
        await Database.QueryAsync(db => db.Database.ExecuteSqlAsync(
            $"CREATE TRIGGER no_claim BEFORE UPDATE OF attempt ON plan_window BEGIN SELECT RAISE(ABORT, 'no claim today'); END", TestContext.Current.CancellationToken));
        await TickAsync(Scheduler());
        await Until.TrueAsync(() => Probes().Count == 3, "the three seconds of its target");
        Assert.All(await WindowsAsync(), w => Assert.Equal(w.Partition != 2, w.PublishedAt is not null));
    }

    [Fact]
    public async Task A_window_is_taken_over_also_when_its_target_has_left_the_location_or_can_no_longer_be_read()
    {
        await Database.Get<TargetStore>().SaveAsync([new() { Key = "t", Url = "http://127.0.0.1/", Interval = "1s", Locations = ["mars"] }, new() { Key = "bad", Url = "http://127.0.0.1/", Interval = "1s" }], null, TestContext.Current.CancellationToken);
        var mars = await Database.Get<NameIds>().LocationAsync("mars", TestContext.Current.CancellationToken);
        var elsewhere = await Database.Get<NameIds>().LocationAsync("default", TestContext.Current.CancellationToken);
        await LeaveBehindAsync(new PlannedSlot(1, mars, 1), new PlannedSlot(2, elsewhere, 2));
        await ReplaceAsync(new() { Key = "t", Url = "http://127.0.0.1/", Interval = "1s" });
        await Database.QueryAsync(db => db.Database.ExecuteSqlAsync($"UPDATE target SET spec = 'no json' WHERE id = 2", TestContext.Current.CancellationToken));
        await TickAsync(Scheduler());
        Assert.NotNull((await WindowsAsync()).Single(w => w.Partition == 2).PublishedAt);
        await Until.TrueAsync(() => Reported.Any(r => r.TargetId == 2 && r.Outcome == Outcome.Undeliverable), "the slot that can't be read, accounted for");
    }

    [Fact]
    public async Task A_clock_that_was_ahead_stops_the_plan_which_is_told_and_can_be_taken_back()
    {
        await SaveAsync("http://127.0.0.1/", "1s");
        var health = new PlanHealth(TimeProvider.System);
        var scheduler = Database.PlanJob(Bus.GetRequiredService<PublishBus>(), Time, TimeProvider.System, health).Job;
        await TickAsync(scheduler);
        var now = Time.GetUtcNow();
        Time.AdjustTime(now.AddHours(2));
        await TickAsync(scheduler);
        Assert.Null((await health.CheckHealthAsync(new())).Description);
        Time.AdjustTime(now.AddSeconds(10));

        await TickAsync(scheduler);

        Assert.Contains("the plan reaches to 2026-06-01 14:00:04Z, and the database's clock says 2026-06-01 12:00:10Z", (await health.CheckHealthAsync(new())).Description, StringComparison.Ordinal);
        await Database.QueryAsync(db => db.Database.ExecuteSqlRawAsync(OperationsPage.TakePlanBack("SQLite").Replace("unixepoch()", $"{Time.Ms() / 1_000}", StringComparison.Ordinal), TestContext.Current.CancellationToken));
        await TickAsync(scheduler);
        Assert.Null((await health.CheckHealthAsync(new())).Description);
        Assert.Equal([1, 2, 3, 11, 12, 13], (await WindowsAsync()).Select(w => Seconds(w.StartsAt)));
        Assert.Equal([4, 11], (await Database.QueryAsync(db => db.PlanGaps.OrderBy(g => g.FromTime).Where(g => g.Partition == 0).ToListAsync(TestContext.Current.CancellationToken))).SelectMany(g => new[] { Seconds(g.FromTime), Seconds(g.ToTime) }).Distinct().Where(s => s != 10));
    }

    /// <summary>A window in partition 2 that its scheduler planned, and then was no more; its lease has run out.</summary>
    private async Task<long> LeaveBehindAsync(params PlannedSlot[] slots)
    {
        var state = await Database.Get<IPlanStore>().ReadAsync(TestContext.Current.CancellationToken);
        var start = Time.Ms() + 3_000;
        await Database.Get<IPlanStore>().PlanAsync(
            [new PartitionPlan(2, null, start, start + 1_000, 1, [new PlannedWindow(2, start, slots, 1, state.Revision, start + 60_000)])], state.Revision, TestContext.Current.CancellationToken);
        Time.Advance(TimeSpan.FromMilliseconds(1_100));
        return start;
    }
}
