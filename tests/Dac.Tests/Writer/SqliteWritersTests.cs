using Dac.Storage;
using Dac.Storage.Sqlite;
using Dac.Tests.Cost;
using Dac.Tests.Support;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Dac.Tests.Writer;

/// <summary>Alone: other tests clear all pools.</summary>
[Collection(nameof(AllocationTests.Alone))]
public sealed class SqliteWritersTests
{
    private static readonly CancellationToken Cancel = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Who_writes_after_the_other_does_so_on_the_same_connection_which_nobody_reads_on()
    {
        await using var database = await TestDatabase.CreateAsync();
        // Tests have no pool otherwise, which would hold on to files that they delete.
        var pooled = new DatabaseString(database.ConnectionString.Replace("Pooling=False", "Pooling=True"));
        var writers = new SqliteWriters(database.Get<DbContextOptions<SqliteDbContext>>(), pooled);

        var first = await ConnectionAsync(writers.CreateDbContext());
        await using var reading = new SqliteConnection(pooled.Value);
        await reading.OpenAsync(Cancel);
        var second = await ConnectionAsync(writers.CreateDbContext());

        Assert.Equal(first, second);
        Assert.NotEqual(first.Handle, reading.Handle!.DangerousGetHandle());
        Assert.Equal(-65_536, first.CacheSize);
        SqliteConnection.ClearAllPools();
    }

    private static async Task<(nint Handle, long CacheSize)> ConnectionAsync(SqliteDbContext db)
    {
        await using (db)
        {
            await db.Database.OpenConnectionAsync(Cancel);
            using var command = db.Database.GetDbConnection().CreateCommand();
            command.CommandText = "PRAGMA cache_size";
            var handle = ((SqliteConnection)db.Database.GetDbConnection()).Handle!.DangerousGetHandle();
            return (handle, (long)(await command.ExecuteScalarAsync(Cancel))!);
        }
    }
}
