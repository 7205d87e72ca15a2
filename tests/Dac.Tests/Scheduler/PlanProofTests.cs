using Dac.Hosting;
using Dac.Scheduler;
using Dac.Storage;
using Dac.Tests.Support;
using MassTransit;
using MassTransit.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;

namespace Dac.Tests.Scheduler;

/// <summary>The plan of real schedulers, held against the targets.</summary>
public sealed class PlanProofTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = Clock.At();
    private readonly List<Catalogue> _catalogues = [];
    private TestDatabase _database = null!;
    private ServiceProvider _bus = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await TestDatabase.CreateAsync(_time);
        _bus = new ServiceCollection()
            .AddMassTransitTestHarness(TextWriter.Null, x => x.UsingInMemory())
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().Build())
            .AddSingleton(new BusParts("test"))
            .AddSingleton(TimeProvider.System)
            .AddSingleton<PublishBus>()
            .BuildServiceProvider();
        await _bus.GetRequiredService<ITestHarness>().Start();
        await SaveAsync("a", "1s");
        await SaveAsync("b", "1s");
    }

    public async ValueTask DisposeAsync()
    {
        await _bus.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task A_plan_that_the_targets_explain_raises_no_alarm_whatever_changes_meanwhile()
    {
        var scheduler = Scheduler();
        await RunAsync(scheduler, 3);
        await SaveAsync("c", "2s");
        await RunAsync(scheduler, 3);
        await SaveAsync("a", "5s");
        await RunAsync(scheduler, 3);
        await _database.Get<TargetStore>().DeleteAsync(2, TestContext.Current.CancellationToken);
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
        Assert.Equal(7, await _database.QueryAsync(db => db.PlanWindows.CountAsync(w => w.Unexplained, TestContext.Current.CancellationToken)));

        await RunAsync(right, 5);
        Assert.Single((await ProofAsync()).Alarms);
    }

    [Fact]
    public async Task A_plan_with_the_right_number_of_targets_and_a_wrong_slot_is_an_alarm()
    {
        await RunAsync(Scheduler(), 2);
        await _database.QueryAsync(db => db.Database.ExecuteSqlAsync($"UPDATE plan_window SET checksum = checksum + 1 WHERE rowid = 1", TestContext.Current.CancellationToken));
        Assert.StartsWith("1 windows", Assert.Single((await ProofAsync()).Alarms), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_window_that_was_planned_from_targets_as_they_were_more_than_5_s_before_is_an_alarm()
    {
        await RunAsync(Scheduler(), 1);
        await SaveAsync("b", "7s");
        await _database.QueryAsync(db => db.Database.ExecuteSqlAsync($"UPDATE plan_window SET planned_at = planned_at + 7000", TestContext.Current.CancellationToken));
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.StartsWith("3 windows", Assert.Single((await ProofAsync()).Alarms), StringComparison.Ordinal);
    }

    private async Task RunAsync(PlanJob scheduler, int ticks)
    {
        for (var tick = 0; tick < ticks; tick++)
        {
            await scheduler.Execute(null!, TestContext.Current.CancellationToken);
            _time.Advance(TimeSpan.FromSeconds(1));
        }
    }

    // Until the last window that was planned has begun.
    private async Task<Ledger> ProofAsync()
    {
        var now = _time.GetUtcNow();
        _time.Advance(TimeSpan.FromSeconds(3));
        await _database.AuditJob(_time).Execute(null!, TestContext.Current.CancellationToken);
        return await _database.Get<LedgerReader>().ReadAsync(now.AddMinutes(-1), now.AddMinutes(1), TestContext.Current.CancellationToken);
    }

    private Task SaveAsync(string key, string interval) =>
        _database.Get<TargetStore>().SaveAsync([new() { Key = key, Url = "http://127.0.0.1/", Interval = interval }], null, TestContext.Current.CancellationToken);

    private PlanJob Scheduler()
    {
        var (job, catalogue) = _database.PlanJob(_bus.GetRequiredService<PublishBus>(), _time);
        _catalogues.Add(catalogue);
        return job;
    }
}
