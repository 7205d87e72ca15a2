using Dac.Contracts;
using Dac.Storage.Model;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace Dac.Storage.Sqlite;

/// <summary>The audit on SQLite: the write lock is the turn.</summary>
internal sealed class SqliteAuditStore(IDbContextFactory<SqliteDbContext> contexts, WriteGate gate, TimeProvider time) : IAuditStore
{
    private const string LostSql = """
        INSERT INTO probe_result (target_id, location_id, scheduled_at, outcome, flags)
        SELECT s.value, w.slot_locations ->> s.key, w.starts_at + (w.slot_offsets_ms ->> s.key), 61, 0
        FROM (SELECT * FROM plan_window WHERE audited_at IS NULL AND audit_after < @now ORDER BY audit_after LIMIT @limit) w CROSS JOIN json_each(w.slot_targets) s
        WHERE true ON CONFLICT DO NOTHING
        """;

    private const string CloseSql = """
        UPDATE plan_window SET audited_at = @now, executed = c.executed, observer_faults = c.observer_faults, missed = c.missed
        FROM (
            SELECT w.partition, w.starts_at, count(*) FILTER (WHERE r.outcome < 50) AS executed,
                count(*) FILTER (WHERE r.outcome BETWEEN 50 AND 59) AS observer_faults, count(*) FILTER (WHERE r.outcome >= 60) AS missed
            FROM (SELECT * FROM plan_window WHERE audited_at IS NULL AND audit_after < @now ORDER BY audit_after LIMIT @limit) w CROSS JOIN json_each(w.slot_targets) s
            JOIN probe_result r ON r.target_id = s.value AND r.location_id = w.slot_locations ->> s.key AND r.scheduled_at = w.starts_at + (w.slot_offsets_ms ->> s.key)
            GROUP BY w.partition, w.starts_at
        ) c
        WHERE plan_window.partition = c.partition AND plan_window.starts_at = c.starts_at
        RETURNING planned
        """;

    public async Task<AuditSummary?> AuditAsync(int windows, CancellationToken cancellationToken)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        var now = time.GetUtcNow();
        if (!await db.PlanWindows.AnyAsync(w => w.AuditedAt == null && w.AuditAfter < now, cancellationToken))
            return new AuditSummary(0, 0, 0);
        using var turn = await gate.EnterAsync();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var (connection, raw) = ((SqliteConnection)db.Database.GetDbConnection(), (SqliteTransaction)transaction.GetDbTransaction());
        var due = await db.PlanWindows.Where(w => w.AuditedAt == null && w.AuditAfter < now).OrderBy(w => w.AuditAfter).Take(windows).Select(w => w.StartsAt).ToListAsync(cancellationToken);
        using var lost = Command(connection, raw, LostSql, now, windows);
        var missing = await lost.ExecuteNonQueryAsync(cancellationToken);
        using var close = Command(connection, raw, CloseSql, now, windows);
        var (closed, slots) = (0, 0L);
        await using (var reader = await close.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
                (closed, slots) = (closed + 1, slots + reader.GetInt64(0));
        }
        await db.AdoptStraysAsync(due, now, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return new AuditSummary(closed, slots, missing);
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
        using var turn = await gate.EnterAsync();
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var notPlanned = 0L;
        if (await db.CloseAsync(gap, until, countedSlots, cancellationToken))
        {
            notPlanned = windows.Count > 0 ? await WriteAsync(db, windows, cancellationToken) : countedSlots;
            await db.ForgetGapAsync(gap, windows, notPlanned, cancellationToken);
            await db.AdoptAsync(strays, gap.ToTime, cancellationToken);
        }
        await transaction.CommitAsync(cancellationToken);
        return notPlanned;
    }

    // Returns the number of rows made.
    private async Task<long> WriteAsync(SqliteDbContext db, IReadOnlyList<PlannedWindow> windows, CancellationToken cancellationToken)
    {
        var (now, rows) = (time.GetUtcNow(), 0L);
        foreach (var window in windows)
        {
            db.Add(new PlanWindow
            {
                Partition = window.Partition,
                StartsAt = DateTimeOffset.FromUnixTimeMilliseconds(window.StartMs),
                Planned = window.Slots.Count,
                Checksum = window.Checksum(),
                SlotTargets = [.. window.Slots.Select(s => s.TargetId)],
                SlotLocations = [.. window.Slots.Select(s => s.LocationId)],
                SlotOffsetsMs = [.. window.Slots.Select(s => s.OffsetMs)],
                Revision = window.Revision,
                ActiveTargets = window.ActiveTargets,
                LeaseUntil = now,
                PublishedAt = now,
                AuditAfter = now,
            });
            foreach (var slot in window.Slots)
            {
                rows += await db.Database.ExecuteSqlAsync(
                    $"""
                    INSERT INTO probe_result (target_id, location_id, scheduled_at, outcome, flags)
                    VALUES ({slot.TargetId}, {slot.LocationId}, {window.StartMs + slot.OffsetMs}, {(short)Outcome.NotPlanned}, 0) ON CONFLICT DO NOTHING
                    """,
                    cancellationToken);
            }
        }
        await db.SaveChangesAsync(cancellationToken);
        return rows;
    }

    private static SqliteCommand Command(SqliteConnection connection, SqliteTransaction transaction, string sql, DateTimeOffset now, int limit)
    {
        var command = connection.CreateCommand();
#pragma warning disable CA2100 // the constants above
        command.CommandText = sql;
#pragma warning restore CA2100
        command.Transaction = transaction;
        command.Parameters.AddWithValue("@now", now.ToUnixTimeMilliseconds());
        command.Parameters.AddWithValue("@limit", limit);
        return command;
    }
}
