using Dac.Contracts;
using Dac.Scheduler;
using Dac.Storage;
using Dac.Storage.Model;
using Dac.Targets;
using Dac.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;

namespace Dac.Tests.Scheduler;

public sealed class GapPlanTests : IAsyncLifetime
{
    private const short Partition = 15;

    private readonly FakeTimeProvider _time = Clock.At();
    private readonly DateTimeOffset _start = DateTimeOffset.Parse("2026-06-01T12:00:00Z");
    private TestDatabase _database = null!;

    public async ValueTask InitializeAsync() => _database = await TestDatabase.CreateAsync(_time);

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Fact]
    public async Task A_gap_holds_what_planning_would_have_planned()
    {
        await SaveAsync(new() { Key = "a", Url = "http://127.0.0.1/", Interval = "3s" }, new() { Key = "b", Url = "http://127.0.0.1/", Cron = "*/10 * * * * ?", Locations = ["eu", "us"] });
        var partition = new PartitionTargets();
        partition.Add(Planned(1, Valid("3s", null), 3));
        partition.Add(Planned(2, Valid(null, "*/10 * * * * ?"), 1, 2));
        var expected = Enumerable.Range(10, 50).Select(s => partition.Plan(Partition, _start.ToUnixTimeMilliseconds() + s * 1_000, 1)).OfType<PlannedWindow>().ToList();

        var windows = await Gaps().WindowsAsync(Gap(10, 60), TestContext.Current.CancellationToken);

        Assert.Equal(expected.Select(w => w.StartMs), windows.Select(w => w.StartMs));
        Assert.Equal(
            expected.SelectMany(w => w.Slots, (w, s) => (w.StartMs, s.TargetId, s.OffsetMs)).Order(), windows.SelectMany(w => w.Slots, (w, s) => (w.StartMs, s.TargetId, s.OffsetMs)).Order());
        Assert.Equal(windows.Sum(w => w.Slots.Count), await Gaps().CountAsync(Gap(10, 60), null, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Targets_count_as_they_were_at_each_moment_of_the_gap()
    {
        await SaveAsync(new TargetDefinition { Key = "a", Url = "http://127.0.0.1/", Interval = "1s" });
        _time.Advance(TimeSpan.FromSeconds(20));
        await SaveAsync(new TargetDefinition { Key = "a", Url = "http://127.0.0.1/", Interval = "10s" });
        _time.Advance(TimeSpan.FromSeconds(20));
        await _database.Get<TargetStore>().DeleteAsync(1, TestContext.Current.CancellationToken);

        Assert.Equal(10 + 2, await Gaps().CountAsync(Gap(10, 60), null, TestContext.Current.CancellationToken));
        Assert.Equal(12, (await Gaps().WindowsAsync(Gap(10, 60), TestContext.Current.CancellationToken)).Sum(w => w.Slots.Count));
    }

    [Fact]
    public async Task A_change_that_takes_its_time_holds_from_its_end_on()
    {
        await SaveAsync(new TargetDefinition { Key = "a", Url = "http://127.0.0.1/", Interval = "1s" });
        _time.AutoAdvanceAmount = TimeSpan.FromSeconds(20);
        await SaveAsync(new TargetDefinition { Key = "a", Url = "http://127.0.0.1/", Interval = "2s" });

        var versions = await _database.QueryAsync(db => db.TargetVersions.OrderBy(v => v.Revision).ToListAsync(TestContext.Current.CancellationToken));
        Assert.InRange(versions[1].ValidFrom, _start.AddSeconds(20), DateTimeOffset.MaxValue);
        Assert.Equal(versions[1].ValidFrom, versions[0].ValidTo);
    }

    [Fact]
    public async Task A_paused_target_was_not_due()
    {
        await SaveAsync(new TargetDefinition { Key = "a", Url = "http://127.0.0.1/", Interval = "1s", Paused = true });
        Assert.Equal(0, await Gaps().CountAsync(Gap(10, 60), null, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task What_was_probed_in_a_gap_without_having_been_due_belongs_to_it_all_the_same()
    {
        await SaveAsync(new TargetDefinition { Key = "a", Url = "http://127.0.0.1/", Interval = "1s" });
        _time.Advance(TimeSpan.FromSeconds(20));
        await _database.Get<TargetStore>().DeleteAsync(1, TestContext.Current.CancellationToken);
        // A scheduler without the database had not heard of it.
        var due = _start.ToUnixTimeMilliseconds() + 25_618;
        await _database.Get<IResultStore>().WriteAsync([new ResultRow(1, 1, new ProbeResult { TargetId = 1, ScheduledAtMs = due, Outcome = Outcome.Up })], TestContext.Current.CancellationToken);

        var windows = await Gaps().WindowsAsync(Gap(20, 60), TestContext.Current.CancellationToken);

        var window = Assert.Single(windows);
        Assert.Equal((due - 618, new PlannedSlot(1, 1, 618)), (window.StartMs, Assert.Single(window.Slots)));
        Assert.Empty(await Gaps().WindowsAsync(new PlanGap { Partition = 3, FromTime = _start, ToTime = _start.AddMinutes(1) }, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task What_was_probed_just_after_a_gap_without_being_planned_strays_from_it()
    {
        await SaveAsync(new TargetDefinition { Key = "a", Url = "http://127.0.0.1/", Interval = "1s" });
        var first = _start.ToUnixTimeMilliseconds() + 60_618;
        await _database.QueryAsync(async db =>
        {
            db.Add(new PlanWindow { Partition = Partition, StartsAt = _start.AddSeconds(60), Planned = 1, SlotTargets = [1], SlotLocations = [1], SlotOffsetsMs = [618] });
            // In the plan of the partition that its target has left since.
            db.Add(new PlanWindow { Partition = 3, StartsAt = _start.AddSeconds(62), Planned = 1, SlotTargets = [1], SlotLocations = [1], SlotOffsetsMs = [618] });
            await db.PlanCursors.Where(c => c.Partition == Partition).ExecuteUpdateAsync(s => s.SetProperty(c => c.PlannedUntil, _start.AddSeconds(63)));
            return await db.SaveChangesAsync(TestContext.Current.CancellationToken);
        });
        // The last lies beyond the plan: in a gap that nobody has recorded yet.
        await _database.Get<IResultStore>().WriteAsync(
            [.. new[] { first, first + 1_000, first + 2_000, first + 3_000 }.Select(due => new ResultRow(1, 1, new ProbeResult { TargetId = 1, ScheduledAtMs = due, Outcome = Outcome.Up }))], TestContext.Current.CancellationToken);

        var stray = Assert.Single(await Gaps().StraysAsync(Gap(20, 60), TestContext.Current.CancellationToken));

        Assert.Equal((first + 382, new PlannedSlot(1, 1, 618)), (stray.StartMs, Assert.Single(stray.Slots)));
    }

    [Theory]
    [InlineData(30, true)]
    [InlineData(3_600, false)]
    public async Task The_audit_closes_a_short_gap_with_rows_and_a_long_one_with_a_number(int seconds, bool rows)
    {
        await SaveAsync(new TargetDefinition { Key = "a", Url = "http://127.0.0.1/", Interval = "1s" });
        await GapAsync(Gap(10, 10 + seconds));
        _time.Advance(TimeSpan.FromHours(2));

        await _database.AuditJob(_time).Execute(null!, TestContext.Current.CancellationToken);

        Assert.Equal(rows ? seconds : 0, await _database.QueryAsync(db => db.Results.CountAsync(TestContext.Current.CancellationToken)));
        var ledger = await _database.Get<LedgerReader>().ReadAsync(_start, _start.AddHours(2), TestContext.Current.CancellationToken);
        Assert.Equal((seconds, seconds, 0), (ledger.Planned, ledger.Missed.NotPlanned, ledger.Unaccounted + ledger.Pending));
    }

    [Fact]
    public async Task A_long_gap_waits_while_the_broker_does_not_say_what_it_holds()
    {
        await SaveAsync(new TargetDefinition { Key = "a", Url = "http://127.0.0.1/", Interval = "1s" });
        await GapAsync(Gap(10, 3_610));
        _time.Advance(TimeSpan.FromHours(2));

        await _database.AuditJob(_time, broker: "amqp://127.0.0.1:9/").Execute(null!, TestContext.Current.CancellationToken);
        Assert.Null(Assert.Single(await OpenAsync()).Slots);

        await _database.AuditJob(_time).Execute(null!, TestContext.Current.CancellationToken);
        Assert.Empty(await OpenAsync());
    }

    [Fact]
    public async Task A_gap_that_cannot_be_closed_keeps_neither_others_nor_windows_open()
    {
        await SaveAsync(new TargetDefinition { Key = "a", Url = "http://127.0.0.1/", Interval = "1s" });
        await GapAsync(Gap(10, 20));
        await GapAsync(Gap(30, 40));
        // A second can't be planned twice.
        await _database.QueryAsync(async db =>
        {
            db.AddRange(new[] { 10, 25 }.Select(s => new PlanWindow { Partition = Partition, StartsAt = _start.AddSeconds(s), Planned = 1, SlotTargets = [1], SlotLocations = [1], SlotOffsetsMs = [618], AuditAfter = _start.AddSeconds(s) }));
            return await db.SaveChangesAsync(TestContext.Current.CancellationToken);
        });
        _time.Advance(TimeSpan.FromMinutes(5));

        await _database.AuditJob(_time).Execute(null!, TestContext.Current.CancellationToken);
        _time.Advance(TimeSpan.FromSeconds(1));
        await _database.AuditJob(_time).Execute(null!, TestContext.Current.CancellationToken);

        Assert.Equal(_start.AddSeconds(10), Assert.Single(await OpenAsync()).FromTime);
        Assert.All(await _database.QueryAsync(db => db.PlanWindows.ToListAsync(TestContext.Current.CancellationToken)), w => Assert.NotNull(w.AuditedAt));
    }

    private Task<int> GapAsync(PlanGap gap) => _database.QueryAsync(async db =>
    {
        db.Add(gap);
        return await db.SaveChangesAsync(TestContext.Current.CancellationToken);
    });

    private Task<List<PlanGap>> OpenAsync() => _database.QueryAsync(db => db.PlanGaps.Where(g => g.Slots == null).ToListAsync(TestContext.Current.CancellationToken));

    private GapPlan Gaps() => new(_database.Get<IDbContextFactory<DacDbContext>>(), _database.Get<NameIds>());

    private PlanGap Gap(int from, int to) => new() { Partition = Partition, FromTime = _start.AddSeconds(from), ToTime = _start.AddSeconds(to) };

    private Task SaveAsync(params TargetDefinition[] targets) => _database.Get<TargetStore>().SaveAsync(targets, null, TestContext.Current.CancellationToken);

    private static PlannedTarget Planned(long id, ProbeTarget target, params short[] locations) => new(id, Partition, target, locations, CommandTemplates.Make(target));

    private static ProbeTarget Valid(string? interval, string? cron) => TargetValidator.Validate(new() { Url = "http://127.0.0.1/", Interval = interval, Cron = cron }).Target!;
}
