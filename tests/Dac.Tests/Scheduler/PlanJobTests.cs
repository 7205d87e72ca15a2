using System.Collections.Concurrent;
using Dac.Contracts;
using Dac.Hosting;
using Dac.Scheduler;
using Dac.Storage;
using Dac.Targets;
using Dac.Tests.Support;
using MassTransit;
using MassTransit.Testing;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;

namespace Dac.Tests.Scheduler;

/// <summary>Schedulers on one database and a faked clock, with MassTransit's harness in place of the broker.</summary>
public sealed class PlanJobTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = Clock.At();
    private readonly List<ProbeBatch> _published = [];
    private readonly ConcurrentQueue<ProbeResult> _reported = new();
    private TestDatabase _database = null!;
    private ServiceProvider _bus = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await TestDatabase.CreateAsync(_time);
        _bus = new ServiceCollection()
            .AddMassTransitTestHarness(TextWriter.Null, x => x.UsingInMemory((_, bus) =>
            {
                bus.ReceiveEndpoint(Queues.ProbeResult, e => e.Handler<ProbeResultBatch>(c => { c.Message.Results.ToList().ForEach(_reported.Enqueue); return Task.CompletedTask; }));
                bus.ReceiveEndpoint(Queues.ProbeUrl("mars", 2), e => e.Handler<ProbeBatch>(_ => Task.CompletedTask));
                for (var partition = 0; partition < 16; partition++)
                    bus.ReceiveEndpoint(Queues.ProbeUrl("default", partition), e => e.Handler<ProbeBatch>(c => { lock (_published) _published.Add(c.Message); return Task.CompletedTask; }));
            }))
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().Build())
            .AddSingleton(new BusParts("test"))
            .AddSingleton(TimeProvider.System)
            .AddSingleton<PublishBus>()
            .BuildServiceProvider();
        await _bus.GetRequiredService<ITestHarness>().Start();
    }

    public async ValueTask DisposeAsync()
    {
        await _bus.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task Every_window_up_to_the_lead_is_planned_and_published()
    {
        await SaveAsync("http://127.0.0.1/", "1s");
        await TickAsync(Scheduler());
        var windows = await WindowsAsync();
        Assert.Equal([1, 2, 3], windows.Select(w => Seconds(w.StartsAt)));
        Assert.All(windows, w => Assert.NotNull(w.PublishedAt));
        await Until.TrueAsync(() => Probes().Count == 3, "three commands");
        Assert.Equal(windows.Select(w => w.StartsAt.ToUnixTimeMilliseconds() + 618), Probes().Select(p => p.ScheduledAtMs).Order());
    }

    [Fact]
    public async Task The_next_tick_plans_only_what_has_become_due()
    {
        await SaveAsync("http://127.0.0.1/", "1s");
        var scheduler = Scheduler();
        for (var tick = 0; tick < 5; tick++)
        {
            await TickAsync(scheduler);
            _time.Advance(TimeSpan.FromSeconds(1));
        }
        Assert.Equal(Enumerable.Range(1, 7), (await WindowsAsync()).Select(w => Seconds(w.StartsAt)));
        await Until.TrueAsync(() => Probes().Count == 7, "seven commands");
        Assert.Equal(7, Probes().Select(p => p.ScheduledAtMs).Distinct().Count());
    }

    [Fact]
    public async Task Of_two_schedulers_one_wins_each_window()
    {
        await SaveAsync("http://127.0.0.1/", "1s");
        var (a, b) = (Scheduler(), Scheduler());
        for (var tick = 0; tick < 5; tick++)
        {
            await Task.WhenAll(TickAsync(a), TickAsync(b));
            _time.Advance(TimeSpan.FromSeconds(1));
        }
        await Until.TrueAsync(() => Probes().Count >= 7, "seven commands");
        Assert.Equal(Enumerable.Range(1, 7), (await WindowsAsync()).Select(w => Seconds(w.StartsAt)));
        Assert.Equal(7, Probes().Count);
    }

    [Fact]
    public async Task Seconds_that_nobody_planned_are_a_gap_and_planning_goes_on_from_now()
    {
        await SaveAsync("http://127.0.0.1/", "1s");
        await TickAsync(Scheduler());
        _time.Advance(TimeSpan.FromSeconds(60));
        await TickAsync(Scheduler());
        Assert.Equal([1, 2, 3, 61, 62, 63], (await WindowsAsync()).Select(w => Seconds(w.StartsAt)));
        var gaps = await _database.QueryAsync(db => db.PlanGaps.ToListAsync(TestContext.Current.CancellationToken));
        Assert.Equal(16, gaps.Count);
        Assert.All(gaps, g => Assert.Equal((4, 61), (Seconds(g.FromTime), Seconds(g.ToTime))));
    }

    [Fact]
    public async Task While_the_database_takes_nothing_the_plan_goes_on_from_memory_and_the_audit_finds_every_slot_afterwards()
    {
        await SaveAsync("http://127.0.0.1/", "1s");
        // The deadline runs in real time, since the database is really locked.
        var scheduler = Scheduler(TimeProvider.System);
        await TickAsync(scheduler);
        await using (var other = new SqliteConnection(_database.ConnectionString))
        {
            await other.OpenAsync(TestContext.Current.CancellationToken);
            using var locked = other.BeginTransaction();
            // The first tick that fails leaves others time to go on; each after it publishes a second more, also where a busy machine takes more than one try.
            await NextAsync(scheduler);
            for (var second = 4; second <= 6; second++)
            {
                _time.Advance(TimeSpan.FromSeconds(1));
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
        await _database.Get<IResultStore>().WriteAsync(
            [.. slots.Take(6).Select(ms => new ResultRow(1, 1, new ProbeResult { TargetId = 1, ScheduledAtMs = ms, Outcome = Outcome.Up }))], TestContext.Current.CancellationToken);
        _time.Advance(TimeSpan.FromSeconds(20));
        await _database.AuditJob(_time).Execute(null!, TestContext.Current.CancellationToken);
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
        lock (_published)
            Assert.Equal(2, _published.Single(b => b.WindowStartMs == start && b.Partition == 2).Attempt);
    }

    [Fact]
    public async Task What_a_scheduler_has_won_is_published_also_where_it_cannot_claim_what_others_left()
    {
        await SaveAsync("http://127.0.0.1/", "1s");
        await LeaveBehindAsync(new PlannedSlot(1, 1, 618));
        await _database.QueryAsync(db => db.Database.ExecuteSqlAsync(
            $"CREATE TRIGGER no_claim BEFORE UPDATE OF attempt ON plan_window BEGIN SELECT RAISE(ABORT, 'no claim today'); END", TestContext.Current.CancellationToken));
        await TickAsync(Scheduler());
        await Until.TrueAsync(() => Probes().Count == 3, "the three seconds of its target");
        Assert.All(await WindowsAsync(), w => Assert.Equal(w.Partition != 2, w.PublishedAt is not null));
    }

    [Fact]
    public async Task A_new_a_changed_a_paused_and_a_deleted_target_take_effect_with_the_next_window()
    {
        var scheduler = Scheduler();
        await TickAsync(scheduler);
        Assert.Empty(await WindowsAsync());

        await SaveAsync("http://127.0.0.1/", "1s");
        await NextAsync(scheduler);
        Assert.Single(await WindowsAsync());

        await ReplaceAsync(new() { Key = "t", Url = "http://127.0.0.1/changed", Interval = "1s" });
        await NextAsync(scheduler);
        await Until.TrueAsync(() => Probes().Any(p => p.Url.EndsWith("changed", StringComparison.Ordinal)), "the changed URL");

        await ReplaceAsync(new() { Key = "t", Url = "http://127.0.0.1/changed", Interval = "1s", Paused = true });
        await NextAsync(scheduler);
        Assert.Equal(2, (await WindowsAsync()).Count);

        await ReplaceAsync(new() { Key = "t", Url = "http://127.0.0.1/changed", Interval = "1s" });
        await NextAsync(scheduler);
        Assert.Equal(3, (await WindowsAsync()).Count);

        await _database.Get<TargetStore>().DeleteAsync(1, TestContext.Current.CancellationToken);
        await NextAsync(scheduler);
        Assert.Equal(3, (await WindowsAsync()).Count);
    }

    [Fact]
    public async Task A_row_that_cannot_be_read_stops_nobody_else()
    {
        await SaveAsync("http://127.0.0.1/", "1s");
        await _database.QueryAsync(db => db.Database.ExecuteSqlAsync(
            $$"""INSERT INTO target (key, url, spec, partition, revision, updated_at) VALUES ('bad', 'x', '{"url":"nonsense"}', 0, 1, 0), ('worse', 'x', 'no json', 0, 1, 0)""", TestContext.Current.CancellationToken));
        await TickAsync(Scheduler());
        Assert.Equal(3, (await WindowsAsync()).Count);
    }

    [Fact]
    public async Task Windows_carry_the_catalogue_that_they_were_planned_from()
    {
        await SaveAsync("http://127.0.0.1/", "1s");
        await TickAsync(Scheduler());
        Assert.All(await WindowsAsync(), w => Assert.Equal((1, 1L), (w.ActiveTargets, w.Revision)));
    }

    [Fact]
    public async Task A_window_is_taken_over_also_when_its_target_has_left_the_location_or_can_no_longer_be_read()
    {
        await _database.Get<TargetStore>().SaveAsync([new() { Key = "t", Url = "http://127.0.0.1/", Interval = "1s", Locations = ["mars"] }, new() { Key = "bad", Url = "http://127.0.0.1/", Interval = "1s" }], null, TestContext.Current.CancellationToken);
        var mars = await _database.Get<NameIds>().LocationAsync("mars", TestContext.Current.CancellationToken);
        var elsewhere = await _database.Get<NameIds>().LocationAsync("default", TestContext.Current.CancellationToken);
        await LeaveBehindAsync(new PlannedSlot(1, mars, 1), new PlannedSlot(2, elsewhere, 2));
        await ReplaceAsync(new() { Key = "t", Url = "http://127.0.0.1/", Interval = "1s" });
        await _database.QueryAsync(db => db.Database.ExecuteSqlAsync($"UPDATE target SET spec = 'no json' WHERE id = 2", TestContext.Current.CancellationToken));
        await TickAsync(Scheduler());
        Assert.NotNull((await WindowsAsync()).Single(w => w.Partition == 2).PublishedAt);
        await Until.TrueAsync(() => _reported.Any(r => r.TargetId == 2 && r.Outcome == Outcome.Undeliverable), "the slot that can't be read, accounted for");
    }

    [Fact]
    public async Task A_clock_that_was_ahead_stops_the_plan_which_is_told_and_can_be_taken_back()
    {
        await SaveAsync("http://127.0.0.1/", "1s");
        var health = new PlanHealth(TimeProvider.System);
        var scheduler = _database.PlanJob(_bus.GetRequiredService<PublishBus>(), _time, TimeProvider.System, health).Job;
        await TickAsync(scheduler);
        var now = _time.GetUtcNow();
        _time.AdjustTime(now.AddHours(2));
        await TickAsync(scheduler);
        Assert.Null((await health.CheckHealthAsync(new())).Description);
        _time.AdjustTime(now.AddSeconds(10));

        await TickAsync(scheduler);

        Assert.Contains("the plan reaches to 2026-06-01 14:00:04Z, and the database's clock says 2026-06-01 12:00:10Z", (await health.CheckHealthAsync(new())).Description, StringComparison.Ordinal);
        await _database.QueryAsync(db => db.Database.ExecuteSqlRawAsync(TakeBack("SQLite").Replace("unixepoch()", $"{_time.Ms() / 1_000}", StringComparison.Ordinal), TestContext.Current.CancellationToken));
        await TickAsync(scheduler);
        Assert.Null((await health.CheckHealthAsync(new())).Description);
        Assert.Equal([1, 2, 3, 11, 12, 13], (await WindowsAsync()).Select(w => Seconds(w.StartsAt)));
        Assert.Equal([4, 11], (await _database.QueryAsync(db => db.PlanGaps.OrderBy(g => g.FromTime).Where(g => g.Partition == 0).ToListAsync(TestContext.Current.CancellationToken))).SelectMany(g => new[] { Seconds(g.FromTime), Seconds(g.ToTime) }).Distinct().Where(s => s != 10));
    }

    [Fact]
    public async Task A_scheduler_is_ready_once_it_has_planned_and_as_long_as_it_does()
    {
        var health = new PlanHealth(_time);
        Assert.Contains("nothing planned yet", (await health.CheckHealthAsync(new())).Description, StringComparison.Ordinal);
        health.Succeeded();
        Assert.Null((await health.CheckHealthAsync(new())).Description);
        Assert.True(health.Failed("the database is away"));
        Assert.False(health.Failed("the database is away"));
        _time.Advance(TimeSpan.FromSeconds(11));
        Assert.Contains("nothing planned for 11 s: the database is away", (await health.CheckHealthAsync(new())).Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task More_commands_than_a_batch_takes_go_out_in_several()
    {
        await _database.Get<TargetStore>().SaveAsync(
            [.. Enumerable.Range(0, 100).Select(i => new TargetDefinition { Key = $"t{i}", Url = "http://127.0.0.1/", Interval = "1s" })], null, TestContext.Current.CancellationToken);
        await TickAsync(Scheduler());
        await Until.TrueAsync(() => Probes().Count == 300, "all commands");
        lock (_published)
            Assert.Equal([36, 36, 36, 64, 64, 64], _published.Select(b => b.Probes.Count).Order());
    }

    /// <summary>A window in partition 2 that its scheduler planned, and then was no more; its lease has run out.</summary>
    private async Task<long> LeaveBehindAsync(params PlannedSlot[] slots)
    {
        var state = await _database.Get<IPlanStore>().ReadAsync(TestContext.Current.CancellationToken);
        var start = _time.Ms() + 3_000;
        await _database.Get<IPlanStore>().PlanAsync(
            [new PartitionPlan(2, null, start, start + 1_000, 1, [new PlannedWindow(2, start, slots, 1, state.Revision, start + 60_000)])], state.Revision, TestContext.Current.CancellationToken);
        _time.Advance(TimeSpan.FromMilliseconds(1_100));
        return start;
    }

    private PlanJob Scheduler(TimeProvider? deadlines = null) => _database.PlanJob(_bus.GetRequiredService<PublishBus>(), _time, deadlines).Job;

    private static Task TickAsync(PlanJob scheduler) => scheduler.Execute(null!, TestContext.Current.CancellationToken).AsTask();

    private Task NextAsync(PlanJob scheduler)
    {
        _time.Advance(TimeSpan.FromSeconds(1));
        return TickAsync(scheduler);
    }

    private Task SaveAsync(string url, string interval) =>
        _database.Get<TargetStore>().SaveAsync([new() { Key = "t", Url = url, Interval = interval }], null, TestContext.Current.CancellationToken);

    private Task ReplaceAsync(TargetDefinition definition) => _database.Get<TargetStore>().ReplaceAsync(1, definition, TestContext.Current.CancellationToken);

    private Task<List<Dac.Storage.Model.PlanWindow>> WindowsAsync() =>
        _database.QueryAsync(db => db.PlanWindows.OrderBy(w => w.StartsAt).ToListAsync(TestContext.Current.CancellationToken));

    private List<ProbeUrl> Probes()
    {
        lock (_published)
            return [.. _published.SelectMany(b => b.Probes)];
    }

    // As docs/operations.md tells it.
    private static string TakeBack(string database)
    {
        var page = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "operations.md"));
        page = page[page.IndexOf($"{database}:\n\n```sql", page.IndexOf("## A clock that was ahead", StringComparison.Ordinal), StringComparison.Ordinal)..];
        return page.Split("```sql")[1].Split("```")[0];
    }

    private static int Seconds(DateTimeOffset time) => (int)(time - DateTimeOffset.Parse("2026-06-01T12:00:00Z")).TotalSeconds;
}
