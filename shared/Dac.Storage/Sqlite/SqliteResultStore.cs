using Dac.Contracts;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Dac.Storage.Sqlite;

/// <summary>One transaction for a batch, with prepared statements.</summary>
internal sealed class SqliteResultStore(SqliteWriters writers, WriteGate gate) : IResultStore
{
    private const string ResultSql = """
        INSERT INTO probe_result (target_id, location_id, scheduled_at, outcome, lateness_us, status_code, resolve_us, connect_us, tls_us,
            request_us, first_byte_us, transfer_us, total_us, bytes, tls_expires_at, match, error, collector_id, flags)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
        ON CONFLICT (target_id, location_id, scheduled_at) DO UPDATE SET
            outcome = excluded.outcome, lateness_us = excluded.lateness_us, status_code = excluded.status_code, resolve_us = excluded.resolve_us,
            connect_us = excluded.connect_us, tls_us = excluded.tls_us, request_us = excluded.request_us, first_byte_us = excluded.first_byte_us,
            transfer_us = excluded.transfer_us, total_us = excluded.total_us, bytes = excluded.bytes, tls_expires_at = excluded.tls_expires_at,
            match = excluded.match, error = excluded.error, collector_id = excluded.collector_id, flags = excluded.flags
        WHERE (outcome >= 50 AND excluded.outcome < 50) OR (outcome >= 60 AND excluded.outcome < 60)
        """;

    // What nearly all rows do to their target's state: nothing but a newer time. One look-up instead of three.
    private const string SameSql = """
        UPDATE target_state SET scheduled_at = ?3, outcome = ?5, status_code = ?6, total_us = ?7, error = ?8
        WHERE target_id = ?1 AND location_id = ?2 AND health = ?4 AND scheduled_at < ?3
        """;

    // Rows come in order of time for each target, so each is compared with the state that the one before it left behind.
    private const string ChangeSql = """
        INSERT OR IGNORE INTO state_change (target_id, location_id, scheduled_at, from_health, to_health, outcome)
        SELECT ?1, ?2, ?3, t.health, ?4, ?5 FROM (SELECT 1) LEFT JOIN target_state t ON t.target_id = ?1 AND t.location_id = ?2
        WHERE t.target_id IS NULL OR (t.scheduled_at < ?3 AND t.health <> ?4)
        """;

    private const string StateSql = """
        INSERT INTO target_state AS t (target_id, location_id, scheduled_at, health, outcome, since, status_code, total_us, error)
        VALUES (?1, ?2, ?3, ?4, ?5, ?3, ?6, ?7, ?8)
        ON CONFLICT (target_id, location_id) DO UPDATE SET since = CASE WHEN t.health = excluded.health THEN t.since ELSE excluded.since END,
            scheduled_at = excluded.scheduled_at, health = excluded.health, outcome = excluded.outcome, status_code = excluded.status_code,
            total_us = excluded.total_us, error = excluded.error
        WHERE excluded.scheduled_at > t.scheduled_at
        """;

    // A result for a window that was audited already opens it again.
    private const string ReopenSql = "UPDATE plan_window SET audited_at = NULL WHERE starts_at = ?1 AND audited_at IS NOT NULL";

    public async Task<int> WriteAsync(IReadOnlyList<ResultRow> rows, CancellationToken cancellationToken)
    {
        using var turn = await gate.EnterAsync();
        await using var db = await writers.CreateDbContextAsync(cancellationToken);
        await db.Database.OpenConnectionAsync(cancellationToken);
        var connection = (SqliteConnection)db.Database.GetDbConnection();
        await using var transaction = connection.BeginTransaction();
        using var result = new SqliteStatement(connection, ResultSql);
        using var same = new SqliteStatement(connection, SameSql);
        using var change = new SqliteStatement(connection, ChangeSql);
        using var state = new SqliteStatement(connection, StateSql);
        using var reopen = new SqliteStatement(connection, ReopenSql);
        var stored = 0;
        try
        {
            foreach (var row in rows)
            {
                var added = Store(result, row);
                stored += added;
                if (added == 0 || row.Result.Outcome.Class() != OutcomeClass.Executed || State(same, row) > 0)
                    continue;
                change.Bind(row.Result.TargetId).Bind(row.LocationId).Bind(row.Result.ScheduledAtMs).Bind((short)row.Result.Outcome.Health()).Bind((short)row.Result.Outcome).Run();
                State(state, row);
            }
            foreach (var second in rows.Select(r => r.Result.ScheduledAtMs / 1_000 * 1_000).Distinct())
                reopen.Bind(second).Run();
        }
        catch (Exception e) when (e is ArgumentException || e.IsRefusal())
        {
            throw new RowsRefusedException(e);
        }
        await transaction.CommitAsync(cancellationToken);
        return stored;
    }

    public async Task<IReadOnlyList<string>> MaintainAsync(DateTimeOffset now, DateTimeOffset cutoff, CancellationToken cancellationToken)
    {
        var done = new List<string>();
        // In slices, so that planner and writer get their turns.
        const int Slice = 10_000;
        await using var db = await writers.CreateDbContextAsync(cancellationToken);
        await DeleteAsync("results", () => db.Results.Where(r => r.ScheduledAt < cutoff).OrderBy(r => r.ScheduledAt).Take(Slice).ExecuteDeleteAsync(cancellationToken));
        await DeleteAsync("windows", () => db.PlanWindows.Where(w => w.StartsAt < cutoff).OrderBy(w => w.StartsAt).Take(Slice).ExecuteDeleteAsync(cancellationToken));
        return done;

        async Task DeleteAsync(string what, Func<Task<int>> delete)
        {
            int slice, sum = 0;
            do
            {
                using var turn = await gate.EnterAsync();
                sum += slice = await delete();
            }
            while (slice == Slice);
            if (sum > 0)
                done.Add($"deleted {sum} {what}");
        }
    }

    private static int Store(SqliteStatement statement, ResultRow row)
    {
        var r = row.Result;
        // SQLite would take a time beyond the calendar, and then nobody could read it.
        _ = DateTimeOffset.FromUnixTimeMilliseconds(r.ScheduledAtMs);
        return statement.Bind(r.TargetId).Bind(row.LocationId).Bind(r.ScheduledAtMs).Bind((short)r.Outcome).Bind(r.LatenessUs).Bind(r.StatusCode)
            .Bind(r.ResolveUs).Bind(r.ConnectUs).Bind(r.TlsUs).Bind(r.RequestUs).Bind(r.FirstByteUs).Bind(r.TransferUs).Bind(r.TotalUs).Bind(r.Bytes)
            .Bind(r.TlsExpiresAtMs).Bind(r.Match).Bind(r.Error).Bind(row.CollectorId).Bind((short)r.Flags).Run();
    }

    private static int State(SqliteStatement statement, ResultRow row)
    {
        var r = row.Result;
        return statement.Bind(r.TargetId).Bind(row.LocationId).Bind(r.ScheduledAtMs).Bind((short)r.Outcome.Health()).Bind((short)r.Outcome)
            .Bind(r.StatusCode).Bind(r.TotalUs).Bind(r.Error).Run();
    }
}
