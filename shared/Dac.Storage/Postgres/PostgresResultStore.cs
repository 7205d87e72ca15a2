using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;

namespace Dac.Storage.Postgres;

/// <summary>One statement for a batch: rows, states and their changes together, or nothing.</summary>
internal sealed class PostgresResultStore(IDbContextFactory<PostgresDbContext> contexts, TimeProvider time) : IResultStore
{
    // The ranges 50 and 60 are those of OutcomeClass; 15 and 20 those of TargetHealth. States are locked only once the rows are stored, so that
    // every writer takes its locks in the same order: rows by key, then states by key.
    private const string WriteSql = """
        WITH stored AS (
            INSERT INTO probe_result AS r (target_id, location_id, scheduled_at, outcome, lateness_us, status_code, resolve_us, connect_us, tls_us,
                request_us, first_byte_us, transfer_us, total_us, bytes, tls_expires_at, match, error, collector_id, flags)
            SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
            ON CONFLICT (target_id, location_id, scheduled_at) DO UPDATE SET
                outcome = excluded.outcome, lateness_us = excluded.lateness_us, status_code = excluded.status_code, resolve_us = excluded.resolve_us,
                connect_us = excluded.connect_us, tls_us = excluded.tls_us, request_us = excluded.request_us, first_byte_us = excluded.first_byte_us,
                transfer_us = excluded.transfer_us, total_us = excluded.total_us, bytes = excluded.bytes, tls_expires_at = excluded.tls_expires_at,
                match = excluded.match, error = excluded.error, collector_id = excluded.collector_id, flags = excluded.flags
            WHERE (r.outcome >= 50 AND excluded.outcome < 50) OR (r.outcome >= 60 AND excluded.outcome < 60)
            RETURNING target_id, location_id, scheduled_at, outcome, status_code, total_us, error,
                CASE WHEN outcome < 15 THEN 1 WHEN outcome < 20 THEN 2 ELSE 3 END::smallint AS health
        ), known AS (
            SELECT target_id, location_id, scheduled_at, health, since FROM target_state
            WHERE (target_id, location_id) IN (SELECT target_id, location_id FROM stored WHERE outcome < 50)
            ORDER BY target_id, location_id FOR UPDATE
        ), news AS (
            SELECT s.*, k.since AS known_since,
                lag(s.health, 1, k.health) OVER (PARTITION BY s.target_id, s.location_id ORDER BY s.scheduled_at) AS from_health
            FROM stored s LEFT JOIN known k ON k.target_id = s.target_id AND k.location_id = s.location_id
            WHERE s.outcome < 50 AND (k.scheduled_at IS NULL OR s.scheduled_at > k.scheduled_at)
        ), changed AS (
            INSERT INTO state_change (target_id, location_id, scheduled_at, from_health, to_health, outcome)
            SELECT target_id, location_id, scheduled_at, from_health, health, outcome FROM news WHERE from_health IS DISTINCT FROM health
            ON CONFLICT DO NOTHING
        ), folded AS (
            INSERT INTO target_state AS t (target_id, location_id, health, since, scheduled_at, outcome, status_code, total_us, error)
            SELECT DISTINCT ON (target_id, location_id) target_id, location_id, health,
                coalesce(max(scheduled_at) FILTER (WHERE from_health IS DISTINCT FROM health) OVER (PARTITION BY target_id, location_id), known_since),
                scheduled_at, outcome, status_code, total_us, error
            FROM news ORDER BY target_id, location_id, scheduled_at DESC
            ON CONFLICT (target_id, location_id) DO UPDATE SET health = excluded.health, since = excluded.since, scheduled_at = excluded.scheduled_at,
                outcome = excluded.outcome, status_code = excluded.status_code, total_us = excluded.total_us, error = excluded.error
            WHERE excluded.scheduled_at > t.scheduled_at
        )
        SELECT count(*)::integer FROM stored
        """;

    // A state that another writer is just inserting can't be seen or locked by the statement above: both would book a first state. Whoever has a
    // slot of a target without a state takes turns; the statement above then sees what the other one committed. All but new targets pass.
    private const string FirstStateSql = """
        SELECT pg_advisory_xact_lock(229376002) WHERE EXISTS (
            SELECT FROM unnest($1, $2, $3) AS n(target_id, location_id, outcome) WHERE n.outcome < 50
                AND NOT EXISTS (SELECT FROM target_state t WHERE t.target_id = n.target_id AND t.location_id = n.location_id))
        """;

    // A result for a window that may have been audited opens it again. The window is locked before the row is written, and by the audit before it counts,
    // each in a statement of its own: whoever comes second sees what the first has done, and none counts rows that the other is just replacing.
    private const string LockWindowsSql = "SELECT FROM plan_window WHERE starts_at = ANY($1) ORDER BY starts_at, partition FOR UPDATE";

    private const string ReopenSql = "UPDATE plan_window SET audited_at = NULL WHERE starts_at = ANY($1) AND audited_at IS NOT NULL";

    /// <summary>No window is audited sooner after its start.</summary>
    private static readonly TimeSpan AuditMargin = TimeSpan.FromSeconds(15);

    public async Task<int> WriteAsync(IReadOnlyList<ResultRow> rows, CancellationToken cancellationToken)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        await db.Database.OpenConnectionAsync(cancellationToken);
        var connection = (NpgsqlConnection)db.Database.GetDbConnection();
        try
        {
            var late = LateSeconds(rows);
            await using var transaction = late.Length > 0 ? await connection.BeginTransactionAsync(cancellationToken) : null;
            if (transaction is not null)
                await ReopenAsync(connection, late, cancellationToken);
            var stored = await WriteAsync(connection, rows, cancellationToken);
            if (transaction is not null)
                await transaction.CommitAsync(cancellationToken);
            // What has become late while the statement ran may have been audited meanwhile.
            if (LateSeconds(rows).Except(late).ToArray() is { Length: > 0 } since)
                await ReopenAsync(connection, since, cancellationToken);
            return stored;
        }
        // An argument: a time or a text that the driver can't even send.
        catch (Exception e) when (e is ArgumentException || e.IsRefusal())
        {
            throw new RowsRefusedException(e);
        }
    }

    private static async Task<int> WriteAsync(NpgsqlConnection connection, IReadOnlyList<ResultRow> rows, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        var (first, write) = (new NpgsqlBatchCommand(FirstStateSql), new NpgsqlBatchCommand(WriteSql));
        batch.BatchCommands.Add(first);
        batch.BatchCommands.Add(write);
        Add(first, NpgsqlDbType.Bigint, rows, r => r.Result.TargetId);
        Add(first, NpgsqlDbType.Smallint, rows, r => r.LocationId);
        Add(first, NpgsqlDbType.Smallint, rows, r => (short)r.Result.Outcome);
        AddColumns(write, rows);
        // Once for each connection: reading and planning it takes longer than a hundred rows do.
        await batch.PrepareAsync(cancellationToken);
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return reader.GetInt32(0);
    }

    private DateTime[] LateSeconds(IReadOnlyList<ResultRow> rows)
    {
        var limit = (time.GetUtcNow() - AuditMargin).ToUnixTimeMilliseconds();
        return [.. rows.Select(r => r.Result.ScheduledAtMs).Where(ms => ms < limit).Select(ms => Time(ms / 1_000 * 1_000)).Distinct()];
    }

    private static async Task ReopenAsync(NpgsqlConnection connection, DateTime[] seconds, CancellationToken cancellationToken)
    {
        foreach (var sql in (string[])[LockWindowsSql, ReopenSql])
        {
#pragma warning disable CA2100 // the constants above
            await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
            command.Parameters.Add(new NpgsqlParameter<DateTime[]> { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz, TypedValue = seconds });
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    internal static void AddColumns(NpgsqlBatchCommand command, IReadOnlyList<ResultRow> rows)
    {
        Add(command, NpgsqlDbType.Bigint, rows, r => r.Result.TargetId);
        Add(command, NpgsqlDbType.Smallint, rows, r => r.LocationId);
        Add(command, NpgsqlDbType.TimestampTz, rows, r => Time(r.Result.ScheduledAtMs));
        Add(command, NpgsqlDbType.Smallint, rows, r => (short)r.Result.Outcome);
        Add(command, NpgsqlDbType.Integer, rows, r => r.Result.LatenessUs);
        Add(command, NpgsqlDbType.Smallint, rows, r => r.Result.StatusCode);
        Add(command, NpgsqlDbType.Integer, rows, r => r.Result.ResolveUs);
        Add(command, NpgsqlDbType.Integer, rows, r => r.Result.ConnectUs);
        Add(command, NpgsqlDbType.Integer, rows, r => r.Result.TlsUs);
        Add(command, NpgsqlDbType.Integer, rows, r => r.Result.RequestUs);
        Add(command, NpgsqlDbType.Integer, rows, r => r.Result.FirstByteUs);
        Add(command, NpgsqlDbType.Integer, rows, r => r.Result.TransferUs);
        Add(command, NpgsqlDbType.Integer, rows, r => r.Result.TotalUs);
        Add(command, NpgsqlDbType.Integer, rows, r => r.Result.Bytes);
        Add(command, NpgsqlDbType.TimestampTz, rows, r => r.Result.TlsExpiresAtMs is { } ms ? Time(ms) : (DateTime?)null);
        Add(command, NpgsqlDbType.Text, rows, r => r.Result.Match);
        Add(command, NpgsqlDbType.Text, rows, r => r.Result.Error);
        Add(command, NpgsqlDbType.Integer, rows, r => r.CollectorId);
        Add(command, NpgsqlDbType.Smallint, rows, r => (short)r.Result.Flags);
    }

    public async Task<IReadOnlyList<string>> MaintainAsync(DateTimeOffset now, DateTimeOffset cutoff, CancellationToken cancellationToken)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        await db.Database.OpenConnectionAsync(cancellationToken);
        return await new PostgresPartitions((NpgsqlConnection)db.Database.GetDbConnection()).MaintainAsync(now.UtcDateTime, cutoff.UtcDateTime, cancellationToken);
    }

    private static void Add<T>(NpgsqlBatchCommand command, NpgsqlDbType type, IReadOnlyList<ResultRow> rows, Func<ResultRow, T> column)
    {
        var values = new T[rows.Count];
        for (var i = 0; i < values.Length; i++)
            values[i] = column(rows[i]);
        command.Parameters.Add(new NpgsqlParameter<T[]> { NpgsqlDbType = NpgsqlDbType.Array | type, TypedValue = values });
    }

    private static DateTime Time(long ms) => DateTimeOffset.FromUnixTimeMilliseconds(ms).UtcDateTime;
}
