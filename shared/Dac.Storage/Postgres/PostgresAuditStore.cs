using Dac.Contracts;
using Dac.Storage.Model;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;

namespace Dac.Storage.Postgres;

/// <summary>The audit on PostgreSQL.</summary>
internal sealed class PostgresAuditStore(IDbContextFactory<PostgresDbContext> contexts, TimeProvider time) : IAuditStore
{
    private const string LockSql = "SELECT pg_try_advisory_xact_lock(229376004)";

    // Before it is counted a window is locked, in a statement of its own: writers of late results do the same, so that what they have replaced is seen here,
    // or they see what was closed here. In the order in which writers lock.
    private const string DueSql = """
        SELECT partition, starts_at FROM plan_window
        WHERE (partition, starts_at) IN (
            SELECT partition, starts_at FROM plan_window WHERE audited_at IS NULL AND audit_after < clock_timestamp() - $2 ORDER BY audit_after LIMIT $1)
        ORDER BY starts_at, partition FOR UPDATE
        """;

    // A slot whose row is being written at this moment looks lost, but its insert finds the row: its window stays open and is counted again.
    private const string AuditSql = """
        WITH due AS (
            SELECT w.partition, w.starts_at, w.slot_targets, w.slot_locations, w.slot_offsets_ms FROM plan_window w
            JOIN unnest($1, $2) AS locked(partition, starts_at) ON w.partition = locked.partition AND w.starts_at = locked.starts_at
        ), slot AS (
            SELECT d.partition, d.starts_at, s.target_id, s.location_id, d.starts_at + s.offset_ms * interval '1 ms' AS scheduled_at
            FROM due d CROSS JOIN LATERAL unnest(d.slot_targets, d.slot_locations, d.slot_offsets_ms) AS s(target_id, location_id, offset_ms)
        ), seen AS (
            SELECT s.*, r.outcome FROM slot s LEFT JOIN probe_result r
            ON r.target_id = s.target_id AND r.location_id = s.location_id AND r.scheduled_at = s.scheduled_at
        ), lost AS (
            INSERT INTO probe_result (target_id, location_id, scheduled_at, outcome, flags)
            SELECT target_id, location_id, scheduled_at, 61, 0 FROM seen WHERE outcome IS NULL ORDER BY target_id, location_id, scheduled_at
            ON CONFLICT DO NOTHING RETURNING target_id, location_id, scheduled_at
        ), made AS (
            SELECT s.partition, s.starts_at, count(*) AS lost FROM lost JOIN slot s USING (target_id, location_id, scheduled_at) GROUP BY s.partition, s.starts_at
        ), counted AS (
            SELECT partition, starts_at, count(*) FILTER (WHERE outcome < 50) AS executed, count(*) FILTER (WHERE outcome BETWEEN 50 AND 59) AS observer_faults,
                count(*) FILTER (WHERE outcome >= 60 OR outcome IS NULL) AS missed, count(*) FILTER (WHERE outcome IS NULL) AS lost
            FROM seen GROUP BY partition, starts_at
        ), closed AS (
            UPDATE plan_window w SET executed = c.executed, observer_faults = c.observer_faults, missed = c.missed, audited_at = clock_timestamp()
            FROM counted c LEFT JOIN made m USING (partition, starts_at)
            WHERE w.partition = c.partition AND w.starts_at = c.starts_at AND c.lost = coalesce(m.lost, 0)
            RETURNING w.planned, c.lost
        )
        SELECT count(*)::integer, coalesce(sum(planned), 0)::bigint, coalesce(sum(lost), 0)::bigint FROM closed
        """;

    private const string WindowsSql = """
        INSERT INTO plan_window (partition, starts_at, planned, checksum, slot_targets, slot_locations, slot_offsets_ms,
                                 revision, active_targets, unexplained, attempt, lease_until, published_at, audit_after)
        SELECT $1, starts_at, planned, checksum, $6[first:first + planned - 1], $7[first:first + planned - 1], $8[first:first + planned - 1],
               $9, $10, false, 0, clock_timestamp(), clock_timestamp(), clock_timestamp()
        FROM unnest($2, $3, $4, $5) AS w(starts_at, planned, checksum, first)
        ON CONFLICT DO NOTHING
        """;

    private const string RowsSql = """
        INSERT INTO probe_result (target_id, location_id, scheduled_at, outcome, flags)
        SELECT target_id, location_id, scheduled_at, $4, 0 FROM unnest($1, $2, $3) AS s(target_id, location_id, scheduled_at)
        ORDER BY target_id, location_id, scheduled_at
        ON CONFLICT DO NOTHING
        """;

    public async Task<AuditSummary?> AuditAsync(int windows, TimeSpan overdue, CancellationToken cancellationToken)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        await db.Database.OpenConnectionAsync(cancellationToken);
        var connection = (NpgsqlConnection)db.Database.GetDbConnection();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await using var turn = new NpgsqlCommand(LockSql, connection);
        if (await turn.ExecuteScalarAsync(cancellationToken) is not true)
            return null;
        var (partitions, starts) = (new List<short>(), new List<DateTime>());
        await using (var due = new NpgsqlCommand(DueSql, connection))
        {
            due.Parameters.Add(new NpgsqlParameter<int> { TypedValue = windows });
            due.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = overdue });
            await using var reader = await due.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                partitions.Add(reader.GetInt16(0));
                starts.Add(reader.GetDateTime(1));
            }
        }
        if (partitions.Count == 0)
            return new AuditSummary(0, 0, 0);
        await using var audit = new NpgsqlCommand(AuditSql, connection);
        audit.Parameters.Add(Column(NpgsqlDbType.Smallint, partitions.ToArray()));
        audit.Parameters.Add(Column(NpgsqlDbType.TimestampTz, starts.ToArray()));
        AuditSummary summary;
        await using (var reader = await audit.ExecuteReaderAsync(cancellationToken))
        {
            await reader.ReadAsync(cancellationToken);
            summary = new AuditSummary(reader.GetInt32(0), reader.GetInt64(1), reader.GetInt64(2));
        }
        await db.AdoptStraysAsync(starts.Select(s => new DateTimeOffset(s, TimeSpan.Zero)), time.GetUtcNow(), cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return summary;
    }

    public async Task<IReadOnlyList<PlanGap>> OpenGapsAsync(int limit, CancellationToken cancellationToken)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        return await db.OpenGapsAsync(limit, cancellationToken);
    }

    public async Task<bool> WasProbedAsync(PlanGap gap, CancellationToken cancellationToken)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        return await db.WasProbedAsync(gap, cancellationToken);
    }

    public async Task<long> CloseGapAsync(PlanGap gap, DateTimeOffset until, IReadOnlyList<PlannedWindow> windows, IReadOnlyList<PlannedWindow> strays, long countedSlots, CancellationToken cancellationToken)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var notPlanned = 0L;
        if (await db.CloseAsync(gap, until, countedSlots, cancellationToken))
        {
            notPlanned = windows.Count > 0 ? await WriteAsync((NpgsqlConnection)db.Database.GetDbConnection(), gap.Partition, windows, cancellationToken) : countedSlots;
            await db.ForgetGapAsync(gap, windows, notPlanned, cancellationToken);
            await db.AdoptAsync(strays, gap.ToTime, cancellationToken);
        }
        await transaction.CommitAsync(cancellationToken);
        return notPlanned;
    }

    // Returns the number of rows made.
    private static async Task<long> WriteAsync(NpgsqlConnection connection, short partition, IReadOnlyList<PlannedWindow> windows, CancellationToken cancellationToken)
    {
        var slots = SlotColumns.Of(windows);
        await using var batch = new NpgsqlBatch(connection);
        var plan = new NpgsqlBatchCommand(WindowsSql);
        plan.Parameters.Add(new NpgsqlParameter<short> { TypedValue = partition });
        plan.Parameters.Add(Column(NpgsqlDbType.TimestampTz, windows.Select(w => Time(w.StartMs)).ToArray()));
        plan.Parameters.Add(Column(NpgsqlDbType.Integer, windows.Select(w => w.Slots.Count).ToArray()));
        plan.Parameters.Add(Column(NpgsqlDbType.Bigint, slots.Checksums));
        plan.Parameters.Add(Column(NpgsqlDbType.Integer, slots.First));
        plan.Parameters.Add(Column(NpgsqlDbType.Bigint, slots.Targets));
        plan.Parameters.Add(Column(NpgsqlDbType.Smallint, slots.Locations));
        plan.Parameters.Add(Column(NpgsqlDbType.Smallint, slots.OffsetsMs));
        plan.Parameters.Add(new NpgsqlParameter<long> { TypedValue = windows[0].Revision });
        plan.Parameters.Add(new NpgsqlParameter<int> { TypedValue = windows[0].ActiveTargets });
        batch.BatchCommands.Add(plan);
        var rows = new NpgsqlBatchCommand(RowsSql);
        rows.Parameters.Add(Column(NpgsqlDbType.Bigint, slots.Targets));
        rows.Parameters.Add(Column(NpgsqlDbType.Smallint, slots.Locations));
        rows.Parameters.Add(Column(NpgsqlDbType.TimestampTz, windows.SelectMany(w => w.Slots, (w, s) => Time(w.StartMs + s.OffsetMs)).ToArray()));
        rows.Parameters.Add(new NpgsqlParameter<short> { TypedValue = (short)Outcome.NotPlanned });
        batch.BatchCommands.Add(rows);
        await batch.ExecuteNonQueryAsync(cancellationToken);
        return rows.RecordsAffected;
    }

    private static NpgsqlParameter<T[]> Column<T>(NpgsqlDbType type, T[] values) => new() { NpgsqlDbType = NpgsqlDbType.Array | type, TypedValue = values };

    private static DateTime Time(long ms) => DateTimeOffset.FromUnixTimeMilliseconds(ms).UtcDateTime;
}
