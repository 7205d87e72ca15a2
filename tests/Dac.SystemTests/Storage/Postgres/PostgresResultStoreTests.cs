using System.Globalization;
using Dac.Contracts;
using Dac.Storage;
using Dac.Storage.Model;
using Dac.SystemTests.Fixtures;
using Dac.SystemTests.Storage.Contract;
using Npgsql;

namespace Dac.SystemTests.Storage.Postgres;

public sealed class PostgresResultStoreTests(PostgreSql server) : ResultStoreContract(server.CreateTestDatabaseAsync)
{
    public static TheoryData<string, ProbeResult> Refused { get; } = new()
    {
        { "a time that no partition is there for", new() { TargetId = 2, ScheduledAtMs = 1_000_000_000_000, Outcome = Outcome.Up } },
        { "a NUL in the text", new() { TargetId = 2, ScheduledAtMs = NoonMs, Outcome = Outcome.NoMatch, Match = "a\0b" } },
        { "half a surrogate pair in the text", new() { TargetId = 2, ScheduledAtMs = NoonMs, Outcome = Outcome.NoMatch, Match = "a\uD800b" } },
        { "a time beyond the calendar", new() { TargetId = 2, ScheduledAtMs = long.MaxValue, Outcome = Outcome.Up } },
        { "a certificate's end beyond the calendar", new() { TargetId = 2, ScheduledAtMs = NoonMs, Outcome = Outcome.Up, TlsExpiresAtMs = long.MaxValue } },
    };

    [Theory(DisableDiscoveryEnumeration = true)]
    [MemberData(nameof(Refused))]
    public async Task A_row_that_the_database_refuses_is_told_apart_and_nothing_is_stored(string what, ProbeResult refused)
    {
        TestContext.Current.SendDiagnosticMessage(what);

        await Assert.ThrowsAsync<RowsRefusedException>(() => WriteAsync(Row(1, 0, Outcome.Up), new ResultRow(1, 1, refused)));

        Assert.Empty(await Store.AllAsync<StoredResult>());
        Assert.Empty(await Store.AllAsync<TargetState>());
        Assert.Equal(1, await WriteAsync(Row(1, 0, Outcome.Up)));
    }

    [Fact]
    public async Task Partitions_of_both_tables_are_made_for_yesterday_today_and_three_days_ahead()
    {
        var days = Enumerable.Range(-1, 5).ToList();
        Assert.Equal(Partitions(Noon, days), await PartitionsAsync());

        var done = await Store.Results.MaintainAsync(Noon.AddDays(2), DateTimeOffset.MinValue, Cancel);

        Assert.Equal(["made probe_result", "made probe_result", "made plan_window", "made plan_window"], done.Select(d => d[..^10]));
        Assert.Equal(Partitions(Noon, Enumerable.Range(-1, 7)), await PartitionsAsync());
        Assert.Empty(await Store.Results.MaintainAsync(Noon.AddDays(2), DateTimeOffset.MinValue, Cancel));
    }

    [Fact]
    public async Task Retention_drops_whole_days_and_leaves_the_rows_of_the_others()
    {
        await WriteAsync(Row(1, -86_400, Outcome.Up), Row(1, 0, Outcome.Up), Row(1, 86_400, Outcome.Up));

        // The cutoff lies within today: today stays whole.
        await Store.Results.MaintainAsync(Noon, Noon, Cancel);

        Assert.Equal(Partitions(Noon, Enumerable.Range(0, 4)), await PartitionsAsync());
        Assert.Equal([Noon, Noon.AddDays(1)], (await Store.AllAsync<StoredResult>()).Select(r => r.ScheduledAt).Order());
        Assert.Equal(0L, Assert.Single(await Store.QueryAsync("SELECT coalesce(sum(n_tup_del), 0)::bigint FROM pg_stat_user_tables WHERE relname LIKE 'probe_result%'"))[0]);
        Assert.Empty(await TablesAsideAsync());
    }

    [Fact]
    public async Task Beyond_a_thousand_slots_a_second_results_go_by_the_hour_from_the_next_day_on()
    {
        await PlannedAsync(slots: 300 * 1_001);
        await WriteAsync(Row(1, 86_400 * 2, Outcome.Up));

        var done = await Store.Results.MaintainAsync(Noon, Noon.AddDays(-10), Cancel);

        // The day after tomorrow has a row already, and stays whole.
        var hourly = new[] { 1, 3 }.SelectMany(day => Enumerable.Range(0, 24).Select(hour => string.Create(CultureInfo.InvariantCulture, $"{Name("probe_result", Noon.AddDays(day))}{hour:00}")));
        var daily = Partitions(Noon, Enumerable.Range(-1, 5)).Except([Name("probe_result", Noon.AddDays(1)), Name("probe_result", Noon.AddDays(3))]);
        Assert.Equal(daily.Concat(hourly).Order(StringComparer.Ordinal), await PartitionsAsync());
        Assert.Equal(2 * (24 + 1), done.Count);
        Assert.Empty(await Store.Results.MaintainAsync(Noon, Noon.AddDays(-10), Cancel));
        Assert.Equal(2, await WriteAsync(Row(1, 86_400, Outcome.Up), Row(2, 86_400 + 3_600, Outcome.Up)));
        Assert.Empty(await TablesAsideAsync());
    }

    [Fact]
    public async Task Hours_are_dropped_with_their_day_and_those_that_a_killed_writer_did_not_make_are_made()
    {
        await PlannedAsync(slots: 300 * 1_001);
        await Store.Results.MaintainAsync(Noon, Noon.AddDays(-10), Cancel);
        await Store.QueryAsync($"DROP TABLE {Name("probe_result", Noon.AddDays(1))}13");

        // The rate has fallen meanwhile: what was begun by the hour goes on so.
        var done = await Store.Results.MaintainAsync(Noon.AddDays(1), Noon.AddDays(1).AddMinutes(59), Cancel);

        Assert.Contains($"made {Name("probe_result", Noon.AddDays(1))}13", done);
        // The plan of the day is still there, and with it all its rows.
        Assert.Equal(Enumerable.Range(0, 24), await HoursAsync(Noon.AddDays(1)));
        Assert.Contains(Name("probe_result", Noon.AddDays(4)), await PartitionsAsync());
        await Store.Results.MaintainAsync(Noon.AddDays(2), Noon.AddDays(1).AddHours(12), Cancel);
        Assert.Empty(await HoursAsync(Noon.AddDays(1)));
        Assert.DoesNotContain(Name("plan_window", Noon.AddDays(1)), await PartitionsAsync());
    }

    [Fact]
    public async Task A_partition_that_a_killed_retention_left_half_detached_is_finished()
    {
        var name = Name("probe_result", Noon.AddDays(-1));
        await HalfDetachAsync(name);
        Assert.Equal([true], (await Store.QueryAsync("SELECT inhdetachpending FROM pg_inherits WHERE inhdetachpending")).Select(r => (bool)r[0]!));

        var done = await Store.Results.MaintainAsync(Noon.AddDays(1), Noon, Cancel);

        Assert.Contains($"dropped {name}", done);
        Assert.DoesNotContain(name, await PartitionsAsync());
        Assert.Empty(await TablesAsideAsync());
    }

    [Fact]
    public async Task A_partition_that_a_killed_retention_detached_but_did_not_drop_is_dropped_by_the_next()
    {
        var name = Name("probe_result", Noon.AddDays(-1));
        await Store.QueryAsync($"ALTER TABLE probe_result DETACH PARTITION {name}");

        await Store.Results.MaintainAsync(Noon.AddDays(1), Noon, Cancel);

        Assert.Empty(await TablesAsideAsync());
    }

    [Fact]
    public async Task Services_that_maintain_at_once_make_each_partition_once_and_lose_no_row()
    {
        var others = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => StartAsync()));
        for (var round = 1; round <= 5; round++)
        {
            var now = Noon.AddDays(round * 4);
            await Task.WhenAll(others.Append(Store).Select((s, i) => Task.Run(async () =>
            {
                await s.Results.MaintainAsync(now, Noon.AddDays(-10), Cancel);
                // Whoever has made room uses it.
                await s.Results.WriteAsync([new ResultRow(1, 1, new ProbeResult { TargetId = i + 1, ScheduledAtMs = now.ToUnixTimeMilliseconds(), Outcome = Outcome.Up })], Cancel);
            })));
        }

        Assert.Equal(20, (await Store.AllAsync<StoredResult>()).Count);
        Assert.Empty(await TablesAsideAsync());
    }

    [Fact]
    public async Task A_write_goes_on_while_partitions_are_made_and_dropped()
    {
        await using var reader = new NpgsqlConnection(Database.ConnectionString);
        await reader.OpenAsync(Cancel);
        await using var transaction = await reader.BeginTransactionAsync(Cancel);
        await using (var command = new NpgsqlCommand("SELECT count(*) FROM probe_result", reader, transaction))
            await command.ExecuteScalarAsync(Cancel);

        // A long report reads the table: making room must not wait for it, or every writer would wait behind.
        var making = Store.Results.MaintainAsync(Noon.AddDays(2), DateTimeOffset.MinValue, Cancel);

        Assert.Equal(4, (await making.WaitAsync(TimeSpan.FromSeconds(10), Cancel)).Count);
        Assert.Equal(1, await WriteAsync(Row(1, 0, Outcome.Up)));
    }

    // In the five minutes before noon.
    private Task PlannedAsync(int slots) => Store.QueryAsync(string.Create(CultureInfo.InvariantCulture, $"""
        INSERT INTO plan_window (partition, starts_at, planned, checksum, revision, active_targets, unexplained, attempt, lease_until, audit_after)
        SELECT 0, '{Noon.AddMinutes(-1):O}', {slots}, 0, 0, 0, false, 1, now(), now()
        """));

    private async Task<IEnumerable<int>> HoursAsync(DateTimeOffset day) =>
        (await PartitionsAsync()).Where(p => p.StartsWith(Name("probe_result", day), StringComparison.Ordinal)).Select(p => int.Parse(p[^2..], CultureInfo.InvariantCulture));

    private static string Name(string table, DateTimeOffset day) => string.Create(CultureInfo.InvariantCulture, $"{table}_p{day:yyyyMMdd}");

    private static List<string> Partitions(DateTimeOffset today, IEnumerable<int> days) =>
        [.. days.SelectMany(d => new[] { Name("plan_window", today.AddDays(d)), Name("probe_result", today.AddDays(d)) }).Order(StringComparer.Ordinal)];

    private async Task<List<string>> PartitionsAsync() =>
        [.. (await Store.QueryAsync("SELECT inhrelid::regclass::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhparent WHERE c.relkind = 'p'")).Select(r => (string)r[0]!).Order(StringComparer.Ordinal)];

    // Tables that look like partitions and belong to nothing.
    private async Task<List<string>> TablesAsideAsync() =>
        [.. (await Store.QueryAsync("SELECT relname::text FROM pg_class WHERE relkind = 'r' AND NOT relispartition AND relname ~ '_p[0-9]{8,10}$'")).Select(r => (string)r[0]!)];

    // DETACH CONCURRENTLY first marks the partition, then waits for those who use the table: cancelled there, it leaves the mark.
    private async Task HalfDetachAsync(string name)
    {
        await using var reader = new NpgsqlConnection(Database.ConnectionString);
        await reader.OpenAsync(Cancel);
        await using var transaction = await reader.BeginTransactionAsync(Cancel);
        await using (var command = new NpgsqlCommand("SELECT count(*) FROM probe_result", reader, transaction))
            await command.ExecuteScalarAsync(Cancel);
        var detaching = Store.QueryAsync($"ALTER TABLE probe_result DETACH PARTITION {name} CONCURRENTLY");
        await Poll.UntilAsync("the partition is marked", async () => (await Store.QueryAsync("SELECT 1 FROM pg_inherits WHERE inhdetachpending")).Count > 0);
        await Store.QueryAsync("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'ALTER TABLE%CONCURRENTLY' AND datname = current_database()");
        await Assert.ThrowsAsync<PostgresException>(() => detaching);
    }
}
