using Dac.Contracts;
using Dac.Storage.Model;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

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
        await db.Database.OpenConnectionAsync(cancellationToken);
        var connection = (SqliteConnection)db.Database.GetDbConnection();
        await using var transaction = connection.BeginTransaction();
        using var lost = Command(connection, transaction, LostSql, now, windows);
        var missing = await lost.ExecuteNonQueryAsync(cancellationToken);
        using var close = Command(connection, transaction, CloseSql, now, windows);
        var (closed, slots) = (0, 0L);
        await using (var reader = await close.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
                (closed, slots) = (closed + 1, slots + reader.GetInt64(0));
        }
        await transaction.CommitAsync(cancellationToken);
        return new AuditSummary(closed, slots, missing);
    }

    public async Task<IReadOnlyList<PlanGap>> OpenGapsAsync(int limit, CancellationToken cancellationToken)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        return await db.PlanGaps.AsNoTracking().Where(g => g.Slots == null).OrderBy(g => g.FromTime).Take(limit).ToListAsync(cancellationToken);
    }

    public async Task CloseGapAsync(PlanGap gap, IReadOnlyList<PlannedWindow> windows, long countedSlots, CancellationToken cancellationToken)
    {
        using var turn = await gate.EnterAsync();
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var mine = await db.PlanGaps.Where(g => g.Partition == gap.Partition && g.FromTime == gap.FromTime && g.Slots == null)
            .ExecuteUpdateAsync(s => s.SetProperty(g => g.Slots, countedSlots), cancellationToken);
        if (mine == 1)
        {
            var now = time.GetUtcNow();
            db.AddRange(windows.Select(w => new PlanWindow
            {
                Partition = w.Partition,
                StartsAt = DateTimeOffset.FromUnixTimeMilliseconds(w.StartMs),
                Planned = w.Slots.Count,
                Checksum = w.Slots.Sum(s => SlotChecksum.Of(s.TargetId, s.LocationId, w.StartMs + s.OffsetMs)),
                SlotTargets = [.. w.Slots.Select(s => s.TargetId)],
                SlotLocations = [.. w.Slots.Select(s => s.LocationId)],
                SlotOffsetsMs = [.. w.Slots.Select(s => s.OffsetMs)],
                Revision = w.Revision,
                ActiveTargets = w.ActiveTargets,
                LeaseUntil = now,
                PublishedAt = now,
                AuditAfter = now,
            }));
            db.AddRange(windows.SelectMany(w => w.Slots, (w, s) => new StoredResult
            {
                TargetId = s.TargetId,
                LocationId = s.LocationId,
                ScheduledAt = DateTimeOffset.FromUnixTimeMilliseconds(w.StartMs + s.OffsetMs),
                Outcome = Outcome.NotPlanned,
            }));
            await db.SaveChangesAsync(cancellationToken);
        }
        await transaction.CommitAsync(cancellationToken);
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
