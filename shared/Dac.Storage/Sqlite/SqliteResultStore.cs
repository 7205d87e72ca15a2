using Dac.Contracts;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Dac.Storage.Sqlite;

/// <summary>One transaction for a batch, with prepared statements.</summary>
internal sealed class SqliteResultStore(IDbContextFactory<SqliteDbContext> contexts, WriteGate gate) : IResultStore
{
    private const string ResultSql = """
        INSERT INTO probe_result (target_id, location_id, scheduled_at, outcome, lateness_us, status_code, resolve_us, connect_us, tls_us,
            request_us, first_byte_us, transfer_us, total_us, bytes, tls_expires_at, match, error, collector_id, flags)
        VALUES (@0, @1, @2, @3, @4, @5, @6, @7, @8, @9, @10, @11, @12, @13, @14, @15, @16, @17, @18)
        ON CONFLICT (target_id, location_id, scheduled_at) DO UPDATE SET
            outcome = excluded.outcome, lateness_us = excluded.lateness_us, status_code = excluded.status_code, resolve_us = excluded.resolve_us,
            connect_us = excluded.connect_us, tls_us = excluded.tls_us, request_us = excluded.request_us, first_byte_us = excluded.first_byte_us,
            transfer_us = excluded.transfer_us, total_us = excluded.total_us, bytes = excluded.bytes, tls_expires_at = excluded.tls_expires_at,
            match = excluded.match, error = excluded.error, collector_id = excluded.collector_id, flags = excluded.flags
        WHERE (outcome >= 50 AND excluded.outcome < 50) OR (outcome >= 60 AND excluded.outcome < 60)
        """;

    // Rows come in order of time for each target, so each is compared with the state that the one before it left behind.
    private const string ChangeSql = """
        INSERT OR IGNORE INTO state_change (target_id, location_id, scheduled_at, from_health, to_health, outcome)
        SELECT @0, @1, @2, t.health, @3, @4 FROM (SELECT 1) LEFT JOIN target_state t ON t.target_id = @0 AND t.location_id = @1
        WHERE t.target_id IS NULL OR (t.scheduled_at < @2 AND t.health <> @3)
        """;

    private const string StateSql = """
        INSERT INTO target_state AS t (target_id, location_id, scheduled_at, health, outcome, since, status_code, total_us, error)
        VALUES (@0, @1, @2, @3, @4, @2, @5, @6, @7)
        ON CONFLICT (target_id, location_id) DO UPDATE SET since = CASE WHEN t.health = excluded.health THEN t.since ELSE excluded.since END,
            scheduled_at = excluded.scheduled_at, health = excluded.health, outcome = excluded.outcome, status_code = excluded.status_code,
            total_us = excluded.total_us, error = excluded.error
        WHERE excluded.scheduled_at > t.scheduled_at
        """;

    // A result for a window that was audited already opens it again.
    private const string ReopenSql = "UPDATE plan_window SET audited_at = NULL WHERE starts_at = @0 AND audited_at IS NOT NULL";

    public async Task<int> WriteAsync(IReadOnlyList<ResultRow> rows, CancellationToken cancellationToken)
    {
        using var turn = await gate.EnterAsync();
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        await db.Database.OpenConnectionAsync(cancellationToken);
        var connection = (SqliteConnection)db.Database.GetDbConnection();
        await using var transaction = connection.BeginTransaction();
        using var result = Prepare(connection, transaction, ResultSql, 19);
        using var change = Prepare(connection, transaction, ChangeSql, 5);
        using var state = Prepare(connection, transaction, StateSql, 8);
        using var reopen = Prepare(connection, transaction, ReopenSql, 1);
        var stored = 0;
        try
        {
            foreach (var (location, collector, r) in rows)
            {
                // SQLite would take a time beyond the calendar, and then nobody could read it.
                _ = DateTimeOffset.FromUnixTimeMilliseconds(r.ScheduledAtMs);
                var added = Execute(
                    result, r.TargetId, location, r.ScheduledAtMs, (short)r.Outcome, r.LatenessUs, r.StatusCode, r.ResolveUs, r.ConnectUs, r.TlsUs,
                    r.RequestUs, r.FirstByteUs, r.TransferUs, r.TotalUs, r.Bytes, r.TlsExpiresAtMs, r.Match, r.Error, collector, (short)r.Flags);
                stored += added;
                if (added == 0 || r.Outcome.Class() != OutcomeClass.Executed)
                    continue;
                var health = (short)r.Outcome.Health();
                Execute(change, r.TargetId, location, r.ScheduledAtMs, health, (short)r.Outcome);
                Execute(state, r.TargetId, location, r.ScheduledAtMs, health, (short)r.Outcome, r.StatusCode, r.TotalUs, r.Error);
            }
            foreach (var second in rows.Select(r => r.Result.ScheduledAtMs / 1_000 * 1_000).Distinct())
                Execute(reopen, second);
        }
        // 19: constraint, 20: datatype mismatch, 18: too big.
        catch (Exception e) when (e is ArgumentException or SqliteException { SqliteErrorCode: 18 or 19 or 20 })
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
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
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

    private static SqliteCommand Prepare(SqliteConnection connection, SqliteTransaction transaction, string sql, int parameters)
    {
        var command = connection.CreateCommand();
#pragma warning disable CA2100 // the constants above
        command.CommandText = sql;
#pragma warning restore CA2100
        command.Transaction = transaction;
        for (var i = 0; i < parameters; i++)
            command.Parameters.Add(new SqliteParameter { ParameterName = $"@{i}" });
        return command;
    }

    private static int Execute(SqliteCommand command, params ReadOnlySpan<object?> values)
    {
        for (var i = 0; i < values.Length; i++)
            command.Parameters[i].Value = values[i] ?? DBNull.Value;
        return command.ExecuteNonQuery();
    }
}
