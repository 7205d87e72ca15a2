using Dac.Contracts;
using Dac.Storage;
using Dac.Storage.Model;
using Dac.SystemTests.Storage.Contract;
using Microsoft.Data.Sqlite;

namespace Dac.SystemTests.Storage.Sqlite;

public sealed class SqliteMigrationTests() : MigrationContract(SqliteFile.CreateAsync)
{
    [Fact]
    public async Task The_lock_of_a_migration_that_was_killed_holds_nobody_up()
    {
        var store = await StartAsync();
        await store.QueryAsync("""CREATE TABLE IF NOT EXISTS "__EFMigrationsLock" ("Id" INTEGER NOT NULL PRIMARY KEY, "Timestamp" TEXT NOT NULL)""");
        await store.QueryAsync("""INSERT INTO "__EFMigrationsLock" VALUES (1, '2026-01-01')""");
        await store.QueryAsync("""DELETE FROM "__EFMigrationsHistory" """);
        foreach (var view in new[] { "stats", "urls" })
            await store.QueryAsync($"DROP VIEW {view}");
        foreach (var name in await store.QueryAsync("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '__EF%'"))
            await store.QueryAsync($"DROP TABLE {name[0]}");

        Assert.Single(await (await StartAsync().WaitAsync(TimeSpan.FromSeconds(20), Cancel)).AllAsync<Topology>());
    }
}

public sealed class SqlitePlanStoreTests() : PlanStoreContract(SqliteFile.CreateAsync);

public sealed class SqliteTargetStoreTests() : TargetStoreContract(SqliteFile.CreateAsync);

public sealed class SqliteNameIdsTests() : NameIdsContract(SqliteFile.CreateAsync);

public sealed class SqliteAuditTests() : AuditContract(SqliteFile.CreateAsync);

public sealed class SqliteLedgerTests() : LedgerContract(SqliteFile.CreateAsync);

public sealed class SqliteCompatibilityViewsTests() : CompatibilityViewsContract(SqliteFile.CreateAsync);

public sealed class SqliteResultStoreTests() : ResultStoreContract(SqliteFile.CreateAsync)
{
    [Fact]
    public async Task Retention_deletes_what_is_older_than_the_cutoff_and_nothing_else()
    {
        // A day earlier than the window, which the database's clock keeps at the present.
        const int Day = 86_400;
        await WriteAsync(Row(1, -Day - 1, Outcome.Up), Row(1, -Day, Outcome.Up), Row(1, -Day + 1, Outcome.Up));
        var start = ((await Store.Plan.ReadAsync(Cancel)).NowMs / 1_000 * 1_000) + 3_000;
        await Store.Plan.PlanAsync([new PartitionPlan(0, null, start, start + 1_000, 1, [new PlannedWindow(0, start, [new(1, 1, 0)], 1, 1, 0)])], 1, Cancel);

        var yesterday = Noon.AddDays(-1);
        Assert.Equal(["deleted 1 results"], await Store.Results.MaintainAsync(Noon, yesterday, Cancel));
        Assert.Equal([yesterday, yesterday.AddSeconds(1)], (await Store.AllAsync<StoredResult>()).Select(r => r.ScheduledAt).Order());
        Assert.Single(await Store.AllAsync<PlanWindow>());

        Assert.Equal(["deleted 2 results", "deleted 1 windows"], await Store.Results.MaintainAsync(Noon.AddDays(2), Noon.AddDays(1), Cancel));
        Assert.Empty(await Store.Results.MaintainAsync(Noon.AddDays(2), Noon.AddDays(1), Cancel));
    }
}

internal static class SqliteFile
{
    public static Task<TestDatabase> CreateAsync()
    {
        var folder = Directory.CreateTempSubdirectory("dac-test-");
        var connectionString = $"Data Source={Path.Combine(folder.FullName, "dac.db")}";
        return Task.FromResult(new TestDatabase(connectionString, () =>
        {
            SqliteConnection.ClearAllPools();
            folder.Delete(recursive: true);
            return ValueTask.CompletedTask;
        }));
    }
}
