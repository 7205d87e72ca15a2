using Dac.Hosting;
using Dac.Scheduler;
using Dac.Storage;
using Microsoft.EntityFrameworkCore;

namespace Dac.Tests.Scheduler;

/// <summary>The plan of real schedulers, held against the targets.</summary>
public sealed class PlanProofTests : SchedulerTests
{
    private readonly List<Catalogue> _catalogues = [];

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await SaveTargetAsync("a", "1s");
        await SaveTargetAsync("b", "1s");
    }

    [Fact]
    public async Task A_plan_that_the_targets_explain_raises_no_alarm_whatever_changes_meanwhile()
    {
        var scheduler = Scheduler();
        await RunAsync(scheduler, 3);
        await SaveTargetAsync("c", "2s");
        await RunAsync(scheduler, 3);
        await SaveTargetAsync("a", "5s");
        await RunAsync(scheduler, 3);
        await Database.Get<TargetStore>().DeleteAsync(2, TestContext.Current.CancellationToken);
        await RunAsync(scheduler, 3);
        Assert.Empty((await ProofAsync()).Alarms);
    }

    [Fact]
    public async Task A_target_that_one_node_overlooks_is_an_alarm_for_the_windows_that_this_node_planned()
    {
        var (right, wrong) = (Scheduler(), Scheduler());
        _catalogues[1].Overlooked = 2;
        await RunAsync(right, 5);
        Assert.Empty((await ProofAsync()).Alarms);

        await RunAsync(wrong, 5);

        var alarms = (await ProofAsync()).Alarms;
        Assert.Contains("windows have other slots than the targets explain", alarms[0], StringComparison.Ordinal);
        Assert.Contains("wrong in partition 15", alarms[1], StringComparison.Ordinal);
        Assert.Equal(7, await Database.QueryAsync(db => db.PlanWindows.CountAsync(w => w.Unexplained, TestContext.Current.CancellationToken)));

        await RunAsync(right, 5);
        Assert.Single((await ProofAsync()).Alarms);
    }

    [Fact]
    public async Task A_plan_with_the_right_number_of_targets_and_a_wrong_slot_is_an_alarm()
    {
        await RunAsync(Scheduler(), 2);
        await Database.QueryAsync(db => db.Database.ExecuteSqlAsync($"UPDATE plan_window SET checksum = checksum + 1 WHERE rowid = 1", TestContext.Current.CancellationToken));
        Assert.StartsWith("1 windows", Assert.Single((await ProofAsync()).Alarms), StringComparison.Ordinal);
    }

    [Trait("slow", "yes")]
    [Fact]
    public async Task A_window_that_was_planned_from_targets_as_they_were_more_than_5_s_before_is_an_alarm()
    {
        await RunAsync(Scheduler(), 1);
        await SaveTargetAsync("b", "7s");
        await Database.QueryAsync(db => db.Database.ExecuteSqlAsync($"UPDATE plan_window SET planned_at = planned_at + 7000", TestContext.Current.CancellationToken));
        Time.Advance(TimeSpan.FromSeconds(10));
        Assert.StartsWith("3 windows", Assert.Single((await ProofAsync()).Alarms), StringComparison.Ordinal);
    }

    private async Task RunAsync(PlanJob scheduler, int ticks)
    {
        for (var tick = 0; tick < ticks; tick++)
        {
            await scheduler.Execute(null!, TestContext.Current.CancellationToken);
            Time.Advance(TimeSpan.FromSeconds(1));
        }
    }

    // Until the last window that was planned has begun.
    private async Task<Ledger> ProofAsync()
    {
        var now = Time.GetUtcNow();
        Time.Advance(TimeSpan.FromSeconds(3));
        await Database.AuditJob(Time).Execute(null!, TestContext.Current.CancellationToken);
        return await Database.Get<LedgerReader>().ReadAsync(now.AddMinutes(-1), now.AddMinutes(1), TestContext.Current.CancellationToken);
    }

    private Task SaveTargetAsync(string key, string interval) =>
        Database.Get<TargetStore>().SaveAsync([new() { Key = key, Url = "http://127.0.0.1/", Interval = interval }], null, TestContext.Current.CancellationToken);

    private PlanJob Scheduler()
    {
        var (job, catalogue) = Database.PlanJob(Bus.GetRequiredService<PublishBus>(), Time);
        _catalogues.Add(catalogue);
        return job;
    }
}
