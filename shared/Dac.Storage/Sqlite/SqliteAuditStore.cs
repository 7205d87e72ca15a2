using Dac.Contracts;
using Dac.Storage.Model;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Dac.Storage.Sqlite;

/// <summary>The audit on SQLite: the write lock is the turn.</summary>
internal sealed class SqliteAuditStore(IDbContextFactory<SqliteDbContext> contexts, SqliteWriters writers, WriteGate gate, TimeProvider time) : IAuditStore
{
    /// <summary>Slots looked up in one turn, about: whoever writes results waits for so long.</summary>
    private const int MaxSlots = 10_000;

    private const string OutcomeSql = "SELECT outcome FROM probe_result WHERE target_id = ?1 AND location_id = ?2 AND scheduled_at = ?3";

    private const string LostSql = "INSERT INTO probe_result (target_id, location_id, scheduled_at, outcome, flags) VALUES (?1, ?2, ?3, 61, 0)";

    private const string CloseSql = "UPDATE plan_window SET audited_at = ?3, executed = ?4, observer_faults = ?5, missed = ?6 WHERE partition = ?1 AND starts_at = ?2";

    public async Task<AuditSummary?> AuditAsync(int windows, TimeSpan overdue, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (!await AnyOverdueAsync(now - overdue, cancellationToken))
            return new AuditSummary(0, 0, 0);
        using var turn = await gate.EnterAsync();
        await using var db = await writers.CreateDbContextAsync(cancellationToken);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var connection = (SqliteConnection)db.Database.GetDbConnection();
        using var outcome = new SqliteStatement(connection, OutcomeSql);
        using var lost = new SqliteStatement(connection, LostSql);
        using var close = new SqliteStatement(connection, CloseSql);
        var (slots, missing, seconds) = (0L, 0L, new List<DateTimeOffset>());
        foreach (var window in await DueAsync(Overdue(db, now - overdue), windows, cancellationToken))
        {
            missing += Close(window, now, outcome, lost, close);
            slots += window.Planned;
            seconds.Add(window.StartsAt);
        }
        await db.AdoptStraysAsync(seconds, now, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return new AuditSummary(seconds.Count, slots, missing);
    }

    // Seldom is there any: whoever writes does not wait for that.
    private async Task<bool> AnyOverdueAsync(DateTimeOffset until, CancellationToken cancellationToken)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        return await Overdue(db, until).AnyAsync(cancellationToken);
    }

    private static IQueryable<PlanWindow> Overdue(SqliteDbContext db, DateTimeOffset until) =>
        db.PlanWindows.AsNoTracking().Where(w => w.AuditedAt == null && w.AuditAfter < until);

    private static async Task<List<PlanWindow>> DueAsync(IQueryable<PlanWindow> open, int windows, CancellationToken cancellationToken)
    {
        var (due, slots) = (new List<PlanWindow>(), 0);
        await foreach (var window in open.OrderBy(w => w.AuditAfter).Take(windows).AsAsyncEnumerable().WithCancellation(cancellationToken))
        {
            due.Add(window);
            if ((slots += window.Planned) >= MaxSlots)
                break;
        }
        return due;
    }

    // Returns how many of its slots are lost. One by one: SQL would take each from the middle of the window's columns, which are JSON, and walk there from their start.
    private static long Close(PlanWindow window, DateTimeOffset now, SqliteStatement outcome, SqliteStatement lost, SqliteStatement close)
    {
        var (start, counts, missing) = (window.StartsAt.ToUnixTimeMilliseconds(), new long[3], 0L);
        for (var i = 0; i < (window.SlotTargets?.Length ?? 0); i++)
        {
            var (target, location, due) = (window.SlotTargets![i], window.SlotLocations![i], start + window.SlotOffsetsMs![i]);
            var row = outcome.Bind(target).Bind(location).Bind(due).Read();
            if (row is null)
                missing += lost.Bind(target).Bind(location).Bind(due).Run();
            counts[(int)((Outcome?)row ?? Outcome.Lost).Class()]++;
        }
        close.Bind(window.Partition).Bind(start).Bind(now.ToUnixTimeMilliseconds())
            .Bind(counts[(int)OutcomeClass.Executed]).Bind(counts[(int)OutcomeClass.ObserverFault]).Bind(counts[(int)OutcomeClass.Missed]).Run();
        return missing;
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
        await using var db = await writers.CreateDbContextAsync(cancellationToken);
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
}
