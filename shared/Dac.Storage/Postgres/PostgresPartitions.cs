using System.Data;
using System.Globalization;
using Npgsql;

namespace Dac.Storage.Postgres;

/// <summary>
/// The partitions of <c>probe_result</c> and <c>plan_window</c>: by the day, made three days ahead and dropped whole. Results are partitioned by the hour from the next day
/// on where more than 1,000 slots/s are planned: the index of a day would outgrow memory. Once by the hour, a day stays so; its hours go together, as the plan of it does.
/// </summary>
internal sealed class PostgresPartitions(NpgsqlConnection connection)
{
    private const int DaysAhead = 3;

    private const int HourlyBeyondSlotsPerSecond = 1_000;

    private const long MaintenanceLock = 0x0DAC_0003;

    /// <summary>A day that begins sooner than this is left as it is: its first slots may be on their way.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromHours(1);

    private readonly List<string> _done = [];

    /// <summary>Makes what is missing and drops the days that ended before the cutoff.</summary>
    /// <returns>What was made and dropped.</returns>
    /// <exception cref="PostgresException"><see cref="PostgresErrorCodes.LockNotAvailable"/>: another one has been at it for a minute.</exception>
    public async Task<IReadOnlyList<string>> MaintainAsync(DateTime now, DateTime cutoff, CancellationToken cancellationToken)
    {
        // One at a time: what another one has just attached must not be taken for a leftover and dropped.
        // Whoever is at it may hang, and must not keep others from starting.
        await ExecuteAsync($"SET lock_timeout = '60 s'; SELECT pg_advisory_lock({MaintenanceLock}); RESET lock_timeout", cancellationToken, timeoutSeconds: 90);
        try
        {
            await MaintainAsync("probe_result", now, cutoff, await SlotsPerSecondAsync(now, cancellationToken) > HourlyBeyondSlotsPerSecond, cancellationToken);
            await MaintainAsync("plan_window", now, cutoff, hourly: false, cancellationToken);
            return _done;
        }
        finally
        {
            // Where the connection is lost, so is the lock; what was thrown says why.
            if (connection.State == ConnectionState.Open)
                await ExecuteAsync($"SELECT pg_advisory_unlock({MaintenanceLock})", CancellationToken.None);
        }
    }

    private async Task MaintainAsync(string table, DateTime now, DateTime cutoff, bool hourly, CancellationToken cancellationToken)
    {
        var (there, halfDetached, detached) = await ReadAsync(table, cancellationToken);
        // Killed between detaching and dropping.
        foreach (var old in detached.Where(p => p.DayEnd <= cutoff))
            await DropAsync(old, cancellationToken);
        foreach (var half in halfDetached)
        {
            await ExecuteAsync($"ALTER TABLE {table} DETACH PARTITION {half.Name} FINALIZE", cancellationToken);
            await DropAsync(half, cancellationToken);
        }
        for (var day = now.Date.AddDays(-1); day <= now.Date.AddDays(DaysAhead); day = day.AddDays(1))
        {
            var whole = new Partition(table, day, Hours: 24);
            if (hourly && day - now > Margin && there.Contains(whole) && await IsEmptyAsync(whole, cancellationToken))
            {
                await DetachAsync(whole, cancellationToken);
                there.Remove(whole);
            }
            if (there.Contains(whole))
                continue;
            // Killed between two hours of a day.
            var byHour = (hourly && day > now.Date) || there.Any(p => p.From.Date == day);
            foreach (var missing in (byHour ? whole.ByHour() : [whole]).Where(p => p.DayEnd > cutoff && !there.Contains(p)))
                await CreateAsync(missing, cancellationToken);
        }
        foreach (var old in there.Where(p => p.DayEnd <= cutoff))
            await DetachAsync(old, cancellationToken);
    }

    // What was planned in the last five minutes: schedules of all forms, all locations.
    private async Task<double> SlotsPerSecondAsync(DateTime now, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT coalesce(sum(planned), 0)::float8 / 300 FROM plan_window WHERE starts_at >= $1 AND starts_at < $2", connection);
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = now.AddMinutes(-5) });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = now });
        return (double)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private async Task CreateAsync(Partition partition, CancellationToken cancellationToken)
    {
        // Made aside and attached: CREATE TABLE ... PARTITION OF would lock the whole table against readers and writers.
        await ExecuteAsync($"DROP TABLE IF EXISTS {partition.Name}", cancellationToken);
        await ExecuteAsync($"CREATE TABLE {partition.Name} (LIKE {partition.Table} INCLUDING ALL)", cancellationToken);
        await ExecuteAsync(
            string.Create(CultureInfo.InvariantCulture, $"ALTER TABLE {partition.Table} ATTACH PARTITION {partition.Name} FOR VALUES FROM ('{partition.From:yyyy-MM-dd HH:mm}+00') TO ('{partition.End:yyyy-MM-dd HH:mm}+00')"),
            cancellationToken);
        _done.Add($"made {partition.Name}");
    }

    private async Task DetachAsync(Partition partition, CancellationToken cancellationToken)
    {
        // Concurrently: neither readers nor writers of the others wait.
        await ExecuteAsync($"ALTER TABLE {partition.Table} DETACH PARTITION {partition.Name} CONCURRENTLY", cancellationToken);
        await DropAsync(partition, cancellationToken);
    }

    private async Task DropAsync(Partition partition, CancellationToken cancellationToken)
    {
        await ExecuteAsync($"DROP TABLE {partition.Name}", cancellationToken);
        _done.Add($"dropped {partition.Name}");
    }

    private async Task<bool> IsEmptyAsync(Partition partition, CancellationToken cancellationToken)
    {
#pragma warning disable CA2100 // a name as below
        await using var command = new NpgsqlCommand($"SELECT NOT EXISTS (SELECT FROM {partition.Name})", connection);
#pragma warning restore CA2100
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private async Task<(HashSet<Partition> There, List<Partition> HalfDetached, List<Partition> Detached)> ReadAsync(string table, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT c.relname::text, i.inhdetachpending FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
            WHERE i.inhparent = $1::regclass
               OR (i.inhparent IS NULL AND c.relkind = 'r' AND c.relname ~ ('^' || $1 || '_p[0-9]{8,10}$')
                   AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = $1::regclass))
            """,
            connection);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = table });
        var (there, halfDetached, detached) = (new HashSet<Partition>(), new List<Partition>(), new List<Partition>());
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            if (Partition.Parse(table, reader.GetString(0)) is not { } partition)
                continue;
            if (await reader.IsDBNullAsync(1, cancellationToken))
                detached.Add(partition);
            else if (reader.GetBoolean(1))
                halfDetached.Add(partition);
            else
                there.Add(partition);
        }
        return (there, halfDetached, detached);
    }

    // Names are built here from a fixed table and a time, never from input.
    private async Task ExecuteAsync(string sql, CancellationToken cancellationToken, int timeoutSeconds = 30)
    {
#pragma warning disable CA2100
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = timeoutSeconds };
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>A day of a table, or an hour.</summary>
    private readonly record struct Partition(string Table, DateTime From, int Hours)
    {
        private const string DayFormat = "yyyyMMdd", HourFormat = "yyyyMMddHH";

        public DateTime End => From.AddHours(Hours);

        public DateTime DayEnd => From.Date.AddDays(1);

        public string Name => $"{Table}_p{From.ToString(Hours == 1 ? HourFormat : DayFormat, CultureInfo.InvariantCulture)}";

        public IEnumerable<Partition> ByHour()
        {
            var (table, from) = (Table, From);
            return Enumerable.Range(0, 24).Select(hour => new Partition(table, from.AddHours(hour), Hours: 1));
        }

        /// <summary>Null for a name of somebody else's making.</summary>
        public static Partition? Parse(string table, string name)
        {
            var time = name[(table.Length + 2)..];
            return DateTime.TryParseExact(time, [DayFormat, HourFormat], CultureInfo.InvariantCulture, DateTimeStyles.None, out var from)
                ? new(table, from, time.Length == HourFormat.Length ? 1 : 24)
                : null;
        }
    }
}
