using Dac.SystemTests.Fixtures;
using Dac.SystemTests.Storage.Contract;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Dac.SystemTests.Storage.Postgres;

public sealed class PostgresMigrationTests(PostgreSql server) : MigrationContract(server.CreateTestDatabaseAsync)
{
    // Partitioned tables are made by SQL of our own, which EF does not compare with its model.
    [Fact]
    public async Task Every_table_has_the_columns_of_the_model_with_their_types_and_nullability()
    {
        var store = await StartAsync();
        await using var db = store.Context();
        var expected = db.Model.GetEntityTypes()
            .SelectMany(e => e.GetProperties().Select(p => (Column: $"{e.GetTableName()}.{p.GetColumnName()}", Type: p.GetColumnType(), Nullable: p.IsNullable ? "YES" : "NO")))
            .OrderBy(c => c.Column, StringComparer.Ordinal).ToList();

        var there = (await store.QueryAsync("""
            SELECT c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NO' ELSE 'YES' END
            FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
              AND c.relname <> '__EFMigrationsHistory'
            """)).Select(r => (Column: (string)r[0]!, Type: (string)r[1]!, Nullable: (string)r[2]!)).OrderBy(c => c.Column, StringComparer.Ordinal).ToList();

        Assert.Equal(expected, there);
    }

    [Theory]
    [InlineData(0x0DAC_0001, "migrating")]
    [InlineData(0x0DAC_0003, "making partitions")]
    public async Task A_service_whose_connection_is_ended_while_it_starts_tries_again_and_comes_up(long turn, string step)
    {
        await StartAsync();
        await using var other = new NpgsqlConnection(Database.ConnectionString);
        await other.OpenAsync(Cancel);
        await QueryAsync(other, $"SELECT pg_advisory_lock({turn})");
        var starting = StartAsync();
        const string Waiting = "FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted";
        await Poll.UntilAsync($"it waits for its turn, {step}", async () => (long)(await QueryAsync(other, $"SELECT count(*) {Waiting}"))! > 0);

        await QueryAsync(other, $"SELECT count(pg_terminate_backend(l.pid)) {Waiting}");
        await QueryAsync(other, $"SELECT pg_advisory_unlock({turn})");

        Assert.True((await starting).Migrator.IsReady);
    }

    [Fact]
    public async Task Primary_keys_are_the_models()
    {
        var store = await StartAsync();
        await using var db = store.Context();
        var expected = db.Model.GetEntityTypes()
            .Select(e => (Table: e.GetTableName()!, Key: string.Join(',', e.FindPrimaryKey()!.Properties.Select(p => p.GetColumnName())))).Order().ToList();

        var there = (await store.QueryAsync("""
            SELECT c.relname::text, string_agg(a.attname, ',' ORDER BY k.place)
            FROM pg_constraint p JOIN pg_class c ON c.oid = p.conrelid
            CROSS JOIN LATERAL unnest(p.conkey) WITH ORDINALITY AS k(attnum, place) JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
            WHERE p.contype = 'p' AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace AND c.relname <> '__EFMigrationsHistory' GROUP BY c.relname
            """)).Select(r => (Table: (string)r[0]!, Key: (string)r[1]!)).Order().ToList();

        Assert.Equal(expected, there);
    }

    private static async Task<object?> QueryAsync(NpgsqlConnection connection, string sql)
    {
#pragma warning disable CA2100 // the test's own constants
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return await command.ExecuteScalarAsync(Cancel);
    }
}
