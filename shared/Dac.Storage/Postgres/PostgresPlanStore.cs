using Npgsql;
using NpgsqlTypes;

namespace Dac.Storage.Postgres;

/// <summary>
/// The plan on PostgreSQL, on connections of its own with short deadlines: a slow database must not hold the planner up. What was planned or claimed on a
/// connection that was lost before it said so is nobody's; it is claimed again when its lease ends.
/// </summary>
internal sealed class PostgresPlanStore(NpgsqlDataSource planner) : IPlanStore, IAsyncDisposable, IDisposable
{
    private const string ReadSql = """
        SELECT clock_timestamp(), revision FROM topology;
        SELECT planned_until FROM plan_cursor ORDER BY partition;
        """;

    // Locked in order, so that two schedulers that offer the same partitions wait for each other instead of deadlocking.
    private const string PlanSql = """
        WITH offer AS (
            SELECT * FROM unnest($1, $2, $3, $4, $5) AS o(partition, seen_until, from_time, until_time, active_targets)
        ), locked AS (
            SELECT partition FROM plan_cursor WHERE partition = ANY($1) ORDER BY partition FOR UPDATE
        ), won AS (
            UPDATE plan_cursor c SET planned_until = o.until_time, revision = $6, active_targets = o.active_targets
            FROM offer o JOIN locked USING (partition)
            WHERE c.partition = o.partition AND c.planned_until IS NOT DISTINCT FROM o.seen_until
              AND o.from_time > clock_timestamp() AND o.until_time < clock_timestamp() + interval '15 s'
            RETURNING c.partition
        ), gap AS (
            INSERT INTO plan_gap (partition, from_time, to_time)
            SELECT partition, seen_until, from_time FROM offer JOIN won USING (partition) WHERE seen_until < from_time
            ON CONFLICT DO NOTHING
        ), written AS (
            INSERT INTO plan_window (partition, starts_at, planned, checksum, slot_targets, slot_locations, slot_offsets_ms,
                                     revision, active_targets, planned_at, unexplained, attempt, lease_until, audit_after)
            SELECT partition, starts_at, planned, checksum, $12[first:first + planned - 1], $13[first:first + planned - 1], $14[first:first + planned - 1],
                   $6, active_targets, clock_timestamp(), false, 1, clock_timestamp() + interval '1 s', audit_after
            FROM unnest($7, $8, $9, $10, $11, $15) AS w(partition, starts_at, planned, checksum, first, audit_after)
            JOIN won USING (partition) JOIN offer USING (partition)
        )
        SELECT partition FROM won
        """;

    private const string PublishedSql = """
        UPDATE plan_window w SET published_at = clock_timestamp()
        FROM unnest($1, $2) AS p(partition, starts_at)
        WHERE w.partition = p.partition AND w.starts_at = p.starts_at AND w.published_at IS NULL
        """;

    private const string ClaimSql = """
        UPDATE plan_window w SET lease_until = clock_timestamp() + interval '1 s', attempt = attempt + 1
        FROM (SELECT partition, starts_at FROM plan_window
              WHERE published_at IS NULL AND lease_until < clock_timestamp() AND starts_at > clock_timestamp() - interval '5 s'
              ORDER BY starts_at < clock_timestamp(), starts_at LIMIT $1 FOR UPDATE SKIP LOCKED) AS left_over
        WHERE w.partition = left_over.partition AND w.starts_at = left_over.starts_at
        RETURNING w.partition, w.starts_at, w.slot_targets, w.slot_locations, w.slot_offsets_ms, w.active_targets, w.revision, w.audit_after, w.attempt
        """;

    public Task<PlanState> ReadAsync(CancellationToken cancellationToken) => DatabaseFault.OnceMoreAsync(async () =>
    {
        await using var command = planner.CreateCommand(ReadSql);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var (now, revision) = (reader.GetFieldValue<DateTimeOffset>(0).ToUnixTimeMilliseconds(), reader.GetInt64(1));
        await reader.NextResultAsync(cancellationToken);
        var cursors = new List<long?>();
        while (await reader.ReadAsync(cancellationToken))
            cursors.Add(await reader.IsDBNullAsync(0, cancellationToken) ? null : Ms(reader, 0));
        return new PlanState(now, revision, cursors);
    });

    public Task<IReadOnlySet<short>> PlanAsync(IReadOnlyList<PartitionPlan> plans, long revision, CancellationToken cancellationToken) => DatabaseFault.OnceMoreAsync<IReadOnlySet<short>>(async () =>
    {
        var windows = plans.SelectMany(p => p.Windows).ToList();
        var slots = SlotColumns.Of(windows);
        await using var command = planner.CreateCommand(PlanSql);
        Add(command, NpgsqlDbType.Smallint, plans.Select(p => p.Partition).ToArray());
        Add(command, NpgsqlDbType.TimestampTz, plans.Select(p => p.SeenUntilMs is { } ms ? Time(ms) : (DateTime?)null).ToArray());
        Add(command, NpgsqlDbType.TimestampTz, plans.Select(p => Time(p.FromMs)).ToArray());
        Add(command, NpgsqlDbType.TimestampTz, plans.Select(p => Time(p.UntilMs)).ToArray());
        Add(command, NpgsqlDbType.Integer, plans.Select(p => p.ActiveTargets).ToArray());
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = revision });
        Add(command, NpgsqlDbType.Smallint, windows.Select(w => w.Partition).ToArray());
        Add(command, NpgsqlDbType.TimestampTz, windows.Select(w => Time(w.StartMs)).ToArray());
        Add(command, NpgsqlDbType.Integer, windows.Select(w => w.Slots.Count).ToArray());
        Add(command, NpgsqlDbType.Bigint, slots.Checksums);
        Add(command, NpgsqlDbType.Integer, slots.First);
        Add(command, NpgsqlDbType.Bigint, slots.Targets);
        Add(command, NpgsqlDbType.Smallint, slots.Locations);
        Add(command, NpgsqlDbType.Smallint, slots.OffsetsMs);
        Add(command, NpgsqlDbType.TimestampTz, windows.Select(w => Time(w.AuditAfterMs)).ToArray());
        var won = new HashSet<short>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            won.Add(reader.GetInt16(0));
        return won;
    });

    public Task MarkPublishedAsync(IReadOnlyList<PlannedWindow> windows, CancellationToken cancellationToken) => DatabaseFault.OnceMoreAsync(async () =>
    {
        await using var command = planner.CreateCommand(PublishedSql);
        Add(command, NpgsqlDbType.Smallint, windows.Select(w => w.Partition).ToArray());
        Add(command, NpgsqlDbType.TimestampTz, windows.Select(w => Time(w.StartMs)).ToArray());
        return await command.ExecuteNonQueryAsync(cancellationToken);
    });

    public Task<IReadOnlyList<PlannedWindow>> ClaimUnpublishedAsync(int limit, CancellationToken cancellationToken) => DatabaseFault.OnceMoreAsync<IReadOnlyList<PlannedWindow>>(async () =>
    {
        await using var command = planner.CreateCommand(ClaimSql);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var windows = new List<PlannedWindow>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var (targets, locations, offsets) = (reader.GetFieldValue<long[]>(2), reader.GetFieldValue<short[]>(3), reader.GetFieldValue<short[]>(4));
            windows.Add(new PlannedWindow(
                reader.GetInt16(0), Ms(reader, 1), [.. targets.Select((t, i) => new PlannedSlot(t, locations[i], offsets[i]))],
                reader.GetInt32(5), reader.GetInt64(6), Ms(reader, 7), reader.GetInt16(8)));
        }
        return windows;
    });

    public ValueTask DisposeAsync() => planner.DisposeAsync();

    public void Dispose() => planner.Dispose();

    private static void Add<T>(NpgsqlCommand command, NpgsqlDbType type, T[] values) =>
        command.Parameters.Add(new NpgsqlParameter<T[]> { NpgsqlDbType = NpgsqlDbType.Array | type, TypedValue = values });

    private static DateTime Time(long ms) => DateTimeOffset.FromUnixTimeMilliseconds(ms).UtcDateTime;

    private static long Ms(NpgsqlDataReader reader, int column) => reader.GetFieldValue<DateTimeOffset>(column).ToUnixTimeMilliseconds();
}
