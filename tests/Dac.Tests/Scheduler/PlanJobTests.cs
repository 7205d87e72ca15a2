using Dac.Scheduler;
using Dac.Storage;
using Dac.Targets;
using Dac.Tests.Support;
using Microsoft.EntityFrameworkCore;

namespace Dac.Tests.Scheduler;

/// <summary>What is planned and published while everything answers.</summary>
public sealed class PlanJobTests : SchedulerTests
{
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
            Time.Advance(TimeSpan.FromSeconds(1));
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
            Time.Advance(TimeSpan.FromSeconds(1));
        }
        await Until.TrueAsync(() => Probes().Count >= 7, "seven commands");
        Assert.Equal(Enumerable.Range(1, 7), (await WindowsAsync()).Select(w => Seconds(w.StartsAt)));
        Assert.Equal(7, Probes().Count);
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

        await Database.Get<TargetStore>().DeleteAsync(1, TestContext.Current.CancellationToken);
        await NextAsync(scheduler);
        Assert.Equal(3, (await WindowsAsync()).Count);
    }

    [Fact]
    public async Task A_row_that_cannot_be_read_stops_nobody_else()
    {
        await SaveAsync("http://127.0.0.1/", "1s");
        await Database.QueryAsync(db => db.Database.ExecuteSqlAsync(
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
    public async Task A_scheduler_is_ready_once_it_has_planned_and_as_long_as_it_does()
    {
        var health = new PlanHealth(Time);
        Assert.Contains("nothing planned yet", (await health.CheckHealthAsync(new())).Description, StringComparison.Ordinal);
        health.Succeeded();
        Assert.Null((await health.CheckHealthAsync(new())).Description);
        Assert.True(health.Failed("the database is away"));
        Assert.False(health.Failed("the database is away"));
        Time.Advance(TimeSpan.FromSeconds(11));
        Assert.Contains("nothing planned for 11 s: the database is away", (await health.CheckHealthAsync(new())).Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task More_commands_than_a_batch_takes_go_out_in_several()
    {
        await Database.Get<TargetStore>().SaveAsync(
            [.. Enumerable.Range(0, 100).Select(i => new TargetDefinition { Key = $"t{i}", Url = "http://127.0.0.1/", Interval = "1s" })], null, TestContext.Current.CancellationToken);
        await TickAsync(Scheduler());
        await Until.TrueAsync(() => Probes().Count == 300, "all commands");
        lock (Published)
            Assert.Equal([36, 36, 36, 64, 64, 64], Published.Select(b => b.Probes.Count).Order());
    }
}
