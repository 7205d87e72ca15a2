using System.Globalization;
using Npgsql;

namespace Dac.Benchmarks.EndToEnd;

/// <summary>Rows that are there before a run: of the same targets, in the partition that it writes to, in the order in which they would have been written.</summary>
internal static class StoredRows
{
    /// <summary>Makes them, from midnight (UTC) to ten minutes ago, and returns the bytes of each with its key.</summary>
    /// <exception cref="InvalidOperationException">The day is younger than twenty minutes.</exception>
    public static async Task<double> FillAsync(string database, long rows, int targets)
    {
        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync();
        var now = TimeProvider.System.GetUtcNow();
        var (day, rounds) = (new DateTimeOffset(now.Date, TimeSpan.Zero), rows / targets);
        if (now - day < TimeSpan.FromMinutes(20))
            throw new InvalidOperationException("--stored fills the day's partition, which is too young: try again twenty minutes past midnight (UTC)");
        var stepUs = (now - day - TimeSpan.FromMinutes(10)).TotalMicroseconds / rounds;
        var partition = string.Create(CultureInfo.InvariantCulture, $"probe_result_p{day:yyyyMMdd}");
        // Built aside without indexes: a row at a time into a table with its key takes several times as long.
        foreach (var sql in (FormattableString[])
        [
            $"ALTER TABLE probe_result DETACH PARTITION {partition}",
            $"DROP TABLE {partition}",
            $"CREATE TABLE {partition} (LIKE probe_result INCLUDING DEFAULTS, CHECK (scheduled_at >= '{day:O}' AND scheduled_at < '{day.AddDays(1):O}'))",
            $"""
            INSERT INTO {partition} (target_id, location_id, scheduled_at, outcome, lateness_us, status_code, resolve_us, connect_us, request_us, first_byte_us, transfer_us, total_us, bytes, collector_id, flags)
            SELECT t, 1, '{day:O}'::timestamptz + k * {stepUs} * interval '1 microsecond', 1, 700, 200, 10, 90, 40, 250, 30, 420, 187, 1, 0
            FROM generate_series(0, {rounds - 1}) k CROSS JOIN LATERAL (SELECT t FROM generate_series(1, {targets}) t OFFSET 0) AS each
            """,
            $"ALTER TABLE {partition} ADD PRIMARY KEY (target_id, location_id, scheduled_at)",
            $"CREATE INDEX ON {partition} USING brin (scheduled_at)",
            $"ALTER TABLE probe_result ATTACH PARTITION {partition} FOR VALUES FROM ('{day:O}') TO ('{day.AddDays(1):O}')",
            $"VACUUM (FREEZE, ANALYZE) {partition}",
            $"CHECKPOINT",
        ])
        {
#pragma warning disable CA2100 // names and numbers from above
            await using var command = new NpgsqlCommand(sql.ToString(CultureInfo.InvariantCulture), connection) { CommandTimeout = 0 };
#pragma warning restore CA2100
            await command.ExecuteNonQueryAsync();
        }
        await using var size = new NpgsqlCommand("SELECT pg_total_relation_size($1::regclass)", connection) { Parameters = { new() { Value = partition } } };
        return (long)(await size.ExecuteScalarAsync())! / (double)(rounds * targets);
    }
}
