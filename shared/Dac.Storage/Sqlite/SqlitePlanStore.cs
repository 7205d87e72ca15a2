using System.Text.Json;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Dac.Storage.Sqlite;

/// <summary>The plan on SQLite. Database and scheduler share a host, so the host's clock is the database's.</summary>
internal sealed class SqlitePlanStore(IDbContextFactory<SqliteDbContext> contexts, SqliteWriters writers, WriteGate gate, TimeProvider time) : IPlanStore
{
    public async Task<PlanState> ReadAsync(CancellationToken cancellationToken)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        var revision = await db.Topology.AsNoTracking().Select(t => t.Revision).SingleAsync(cancellationToken);
        var cursors = await db.PlanCursors.AsNoTracking().OrderBy(c => c.Partition).Select(c => c.PlannedUntil).ToListAsync(cancellationToken);
        return new PlanState(NowMs, revision, [.. cursors.Select(c => c?.ToUnixTimeMilliseconds())]);
    }

    public async Task<IReadOnlySet<short>> PlanAsync(IReadOnlyList<PartitionPlan> plans, long revision, CancellationToken cancellationToken)
    {
        using var turn = await gate.EnterAsync(urgent: true);
        await using var db = await writers.CreateDbContextAsync(cancellationToken);
        await db.Database.OpenConnectionAsync(cancellationToken);
        var connection = (SqliteConnection)db.Database.GetDbConnection();
        await using var transaction = connection.BeginTransaction();
        var won = new HashSet<short>();
        foreach (var plan in plans.Where(p => p.FromMs > NowMs && p.UntilMs < NowMs + 15_000))
        {
            if (!Advance(connection, transaction, plan, revision))
                continue;
            won.Add(plan.Partition);
            if (plan.SeenUntilMs < plan.FromMs)
                Execute(connection, transaction, "INSERT OR IGNORE INTO plan_gap (partition, from_time, to_time) VALUES (@0, @1, @2)", plan.Partition, plan.SeenUntilMs, plan.FromMs);
            foreach (var window in plan.Windows)
                Insert(connection, transaction, window, revision);
        }
        await transaction.CommitAsync(cancellationToken);
        return won;
    }

    public async Task MarkPublishedAsync(IReadOnlyList<PlannedWindow> windows, CancellationToken cancellationToken)
    {
        using var turn = await gate.EnterAsync(urgent: true);
        await using var db = await writers.CreateDbContextAsync(cancellationToken);
        await db.Database.OpenConnectionAsync(cancellationToken);
        var connection = (SqliteConnection)db.Database.GetDbConnection();
        await using var transaction = connection.BeginTransaction();
        foreach (var window in windows)
            Execute(connection, transaction, "UPDATE plan_window SET published_at = @0 WHERE partition = @1 AND starts_at = @2 AND published_at IS NULL", NowMs, window.Partition, window.StartMs);
        await transaction.CommitAsync(cancellationToken);
    }

    public async Task<IReadOnlyList<PlannedWindow>> ClaimUnpublishedAsync(int limit, CancellationToken cancellationToken)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        var now = DateTimeOffset.FromUnixTimeMilliseconds(NowMs);
        var oldest = now.AddSeconds(-5);
        var leftOver = db.PlanWindows.Where(w => w.PublishedAt == null && w.LeaseUntil < now && w.StartsAt > oldest)
            .OrderBy(w => w.StartsAt < now).ThenBy(w => w.StartsAt).Take(limit);
        if (!await leftOver.AnyAsync(cancellationToken))
            return [];
        using var turn = await gate.EnterAsync(urgent: true);
        // Taken before reading (BEGIN IMMEDIATE): another process must not claim the same.
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var windows = await leftOver.ToListAsync(cancellationToken);
        foreach (var window in windows)
        {
            window.LeaseUntil = now.AddSeconds(1);
            window.Attempt++;
        }
        await db.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return
        [
            .. windows.Select(w => new PlannedWindow(
                w.Partition, w.StartsAt.ToUnixTimeMilliseconds(),
                [.. w.SlotTargets!.Select((t, i) => new PlannedSlot(t, w.SlotLocations![i], w.SlotOffsetsMs![i]))],
                w.ActiveTargets, w.Revision, w.AuditAfter.ToUnixTimeMilliseconds(), w.Attempt)),
        ];
    }

    private static bool Advance(SqliteConnection connection, SqliteTransaction transaction, PartitionPlan plan, long revision) =>
        Execute(
            connection, transaction,
            "UPDATE plan_cursor SET planned_until = @0, revision = @1, active_targets = @2 WHERE partition = @3 AND planned_until IS @4",
            plan.UntilMs, revision, plan.ActiveTargets, plan.Partition, plan.SeenUntilMs) == 1;

    private void Insert(SqliteConnection connection, SqliteTransaction transaction, PlannedWindow window, long revision)
    {
        var slots = SlotColumns.Of([window]);
        Execute(
            connection, transaction,
            """
            INSERT INTO plan_window (partition, starts_at, planned, checksum, slot_targets, slot_locations, slot_offsets_ms,
                                     revision, active_targets, planned_at, unexplained, attempt, lease_until, audit_after)
            VALUES (@0, @1, @2, @3, @4, @5, @6, @7, @8, @9, 0, 1, @10, @11)
            """,
            window.Partition, window.StartMs, window.Slots.Count, slots.Checksums[0],
            JsonSerializer.Serialize(slots.Targets), JsonSerializer.Serialize(slots.Locations), JsonSerializer.Serialize(slots.OffsetsMs),
            revision, window.ActiveTargets, NowMs, NowMs + 1_000, window.AuditAfterMs);
    }

    private static int Execute(SqliteConnection connection, SqliteTransaction transaction, string sql, params object?[] values)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // the statements above, with values as parameters
        command.CommandText = sql;
#pragma warning restore CA2100
        command.Transaction = transaction;
        for (var i = 0; i < values.Length; i++)
            command.Parameters.AddWithValue($"@{i}", values[i] ?? DBNull.Value);
        return command.ExecuteNonQuery();
    }

    private long NowMs => time.GetUtcNow().ToUnixTimeMilliseconds();
}
