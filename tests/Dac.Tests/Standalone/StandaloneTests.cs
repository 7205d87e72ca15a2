using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using Dac.Contracts;
using Dac.Hosting;
using Dac.Standalone;
using Dac.Storage;
using Dac.Targets;
using Dac.Tests.Collector;
using Dac.Tests.Support;
using Dac.Web;
using Microsoft.EntityFrameworkCore;

namespace Dac.Tests.Standalone;

/// <summary>The steps of "How a slot flows" in README, in one process as shipped: no part is replaced.</summary>
public sealed class StandaloneTests
{
    [Fact]
    public async Task One_slot_flows_from_a_target_to_its_row_and_the_ledger_closes()
    {
        using var folder = new TempFolder();
        var (url, server) = await TestServer.HttpAsync(c => c.Response.WriteAsync("status: OK"));
        await using var _ = server;
        var app = await StartAsync(folder);
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };

        // 1. A target is saved.
        var saved = await client.PostAsJsonAsync("/api/targets", new TargetDefinition { Key = "t", Url = url, Interval = "1s", Regex = "status: (\\w+)" }, TestContext.Current.CancellationToken);
        saved.EnsureSuccessStatusCode();

        // 2. to 7. It is planned, dispatched, probed, reported and written, within 5 s and a second.
        var contexts = app.Services.GetRequiredService<IDbContextFactory<DacDbContext>>();
        var row = await Until.NotNullAsync(async () =>
        {
            await using var db = await contexts.CreateDbContextAsync();
            return await db.Results.FirstOrDefaultAsync(r => r.Outcome == Outcome.Up);
        }, "the first row");
        Assert.Equal(("OK", (short)200), (row.Match, row.StatusCode));
        Assert.NotNull(row.LatenessUs);

        // 9. It is shown.
        using var results = JsonDocument.Parse(await client.GetStringAsync("/api/targets/1/results", TestContext.Current.CancellationToken));
        Assert.Equal("up", results.RootElement.GetProperty("results")[0].GetProperty("outcome").GetString());

        // A clean stop finishes what was planned: nothing is left open.
        await app.StopAsync(TestContext.Current.CancellationToken);
        await using (var db = await contexts.CreateDbContextAsync(TestContext.Current.CancellationToken))
        {
            var planned = await db.PlanWindows.SumAsync(w => w.Planned, TestContext.Current.CancellationToken);
            Assert.Equal(planned, await db.Results.CountAsync(TestContext.Current.CancellationToken));
            Assert.True(planned > 0);
        }
        await app.DisposeAsync();
    }

    [Trait("slow", "yes")]
    [Fact]
    public async Task One_trace_runs_from_the_plan_to_the_row()
    {
        var spans = new ConcurrentBag<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = s => s.Name == Telemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Add,
        };
        ActivitySource.AddActivityListener(listener);
        using var folder = new TempFolder();
        await using var app = await StartAsync(folder);
        await app.Services.GetRequiredService<TargetStore>().SaveAsync([new() { Url = TestServer.Closed(), Interval = "1s" }], null, TestContext.Current.CancellationToken);
        await Until.TrueAsync(
            () => spans.GroupBy(s => s.TraceId).Any(t => t.Select(s => s.OperationName).Order().SequenceEqual(["plan slot", "probe", "store"])), "a trace of three spans");
        await app.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task After_a_restart_planning_goes_on()
    {
        using var folder = new TempFolder();
        for (var run = 0; run < 2; run++)
        {
            await using var app = await StartAsync(folder);
            var contexts = app.Services.GetRequiredService<IDbContextFactory<DacDbContext>>();
            await Until.TrueAsync(async () =>
            {
                await using var db = await contexts.CreateDbContextAsync();
                return await db.PlanCursors.AllAsync(c => c.PlannedUntil > TimeProvider.System.GetUtcNow().AddSeconds(1));
            }, "planning");
            await app.StopAsync(TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task Health_names_every_dependency_and_metrics_are_served()
    {
        using var folder = new TempFolder();
        await using var app = await StartAsync(folder);
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        await Until.TrueAsync(async () => (await client.GetAsync("/health/ready")).IsSuccessStatusCode, "ready");
        var ready = await client.GetStringAsync("/health/ready", TestContext.Current.CancellationToken);
        Assert.All(["database", "plan", "partitions", "writing", "masstransit-bus"], name => Assert.Contains(name, ready, StringComparison.Ordinal));
        Assert.Equal("healthy", JsonDocument.Parse(await client.GetStringAsync("/health/live", TestContext.Current.CancellationToken)).RootElement.GetProperty("status").GetString());
        Assert.Contains("dac_targets_active", await client.GetStringAsync("/metrics", TestContext.Current.CancellationToken), StringComparison.Ordinal);
        await app.StopAsync(TestContext.Current.CancellationToken);
    }

    private static async Task<WebApplication> StartAsync(TempFolder folder)
    {
        var builder = DacHost.CreateBuilder("standalone", ["--Serilog:MinimumLevel:Default=Warning"], "http://127.0.0.1:0");
        builder.Configuration["ConnectionStrings:Database"] = folder.Database;
        builder.AddStandalone();
        var app = DacHost.Build(builder, a => a.MapWeb());
        await app.StartAsync(TestContext.Current.CancellationToken);
        return app;
    }
}
