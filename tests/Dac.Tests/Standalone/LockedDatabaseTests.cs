using System.Diagnostics.Metrics;
using Dac.Collector;
using Dac.Hosting;
using Dac.Standalone;
using Dac.Storage;
using Dac.Targets;
using Dac.Tests.Collector;
using Dac.Tests.Support;
using Microsoft.Data.Sqlite;

namespace Dac.Tests.Standalone;

/// <summary>SQLite takes nothing for a while: a backup tool, an import or a full disk.</summary>
[Trait("slow", "yes")]
public sealed class LockedDatabaseTests
{
    private const int Buffer = 1_000, Targets = 400;

    [Fact]
    public async Task What_can_not_be_kept_meanwhile_ends_as_missed_and_is_counted()
    {
        var dropped = 0L;
        using var meters = new MeterListener { InstrumentPublished = (i, m) => { if (i.Name == "dac.results.dropped") m.EnableMeasurementEvents(i); } };
        meters.SetMeasurementEventCallback<long>((_, n, _, _) => Interlocked.Add(ref dropped, n));
        meters.Start();
        using var folder = new TempFolder();
        await using var app = await StartAsync(folder);
        var url = TestServer.Closed();
        await app.Services.GetRequiredService<TargetStore>().SaveAsync(
            [.. Enumerable.Range(1, Targets).Select(i => new TargetDefinition { Key = $"t{i}", Url = $"{url}{i}", Interval = "1s" })], null, TestContext.Current.CancellationToken);
        var (from, to, ledger) = (TimeProvider.System.GetUtcNow(), DateTimeOffset.MaxValue, app.Services.GetRequiredService<LedgerReader>());
        await Until.TrueAsync(async () => (await ReadAsync()).Executed > Targets, "rows");

        await using (var other = new SqliteConnection(folder.Database))
        {
            await other.OpenAsync(TestContext.Current.CancellationToken);
            await using var held = other.BeginTransaction();
            var reporter = app.Services.GetRequiredService<ResultReporter>();
            // A busy machine may have had no room while it was starting.
            var before = Interlocked.Read(ref dropped);
            await Until.TrueAsync(() => Interlocked.Read(ref dropped) > before + Targets && reporter.Waiting >= Buffer, "results that there was no room for", 60);
            // The buffer, and what is on its way out of it.
            Assert.InRange(reporter.Waiting, Buffer, Buffer + 8);
        }

        to = TimeProvider.System.GetUtcNow();
        // Lost where the second is in the plan, not planned where it was planned from memory and nothing of it is left.
        Ledger? last = null;
        try
        {
            await Until.TrueAsync(async () => (last = await ReadAsync()) is { Planned: > 0, Pending: 0, Unaccounted: 0, Missed.Sum: > Targets, Executed: > Targets }, "a ledger that closes", 120);
        }
        catch (TimeoutException)
        {
            Assert.Fail($"The ledger does not close: {last}");
        }
        await app.StopAsync(TestContext.Current.CancellationToken);

        Task<Ledger> ReadAsync() => ledger.ReadAsync(from, to < DateTimeOffset.MaxValue ? to : TimeProvider.System.GetUtcNow(), TestContext.Current.CancellationToken);
    }

    private static async Task<WebApplication> StartAsync(TempFolder folder)
    {
        var builder = DacHost.CreateBuilder(
            "standalone",
            ["--Serilog:MinimumLevel:Default=Error", "--Collector:ReportSize=1", $"--Collector:ReportBuffer={Buffer}", "--Collector:MaxPerHost=1000"], "http://127.0.0.1:0");
        builder.Configuration["ConnectionStrings:Database"] = folder.Database;
        builder.AddStandalone();
        var app = DacHost.Build(builder);
        await app.StartAsync(TestContext.Current.CancellationToken);
        return app;
    }
}
