using System.Data.Common;
using Dac.Storage.Model;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;

namespace Dac.Storage;

/// <summary>
/// The ledger of a span: planned = executed + observer faults + missed + pending + unaccounted, and unaccounted is to be 0.
/// </summary>
public sealed record Ledger
{
    /// <summary>Start of the span, on a whole second.</summary>
    public required DateTimeOffset From { get; init; }

    /// <summary>End of the span, not included.</summary>
    public required DateTimeOffset To { get; init; }

    /// <summary>Slots planned.</summary>
    public required long Planned { get; init; }

    /// <summary>Probed: up.</summary>
    public required long Up { get; init; }

    /// <summary>Probed: degraded.</summary>
    public required long Degraded { get; init; }

    /// <summary>Probed: down.</summary>
    public required long Down { get; init; }

    /// <summary>Probed, but spoilt by the observer: says nothing of the target.</summary>
    public required long ObserverFaults { get; init; }

    /// <summary>Not probed, by reason.</summary>
    public required MissedSlots Missed { get; init; }

    /// <summary>Without a row yet, within the time that this may take.</summary>
    public required long Pending { get; init; }

    /// <summary>Without a row, and past that time.</summary>
    public required long Unaccounted { get; init; }

    /// <summary>Rows whose probe started more than 50 ms after its planned time.</summary>
    public required long Late { get; init; }

    /// <summary>Seconds that no scheduler planned, summed over the partitions.</summary>
    public required long GapSeconds { get; init; }

    /// <summary>What is wrong with the plan itself, in sentences; empty where the targets as they were explain it.</summary>
    public required IReadOnlyList<string> Alarms { get; init; }

    /// <summary>Slots probed.</summary>
    public long Executed => Up + Degraded + Down;

    /// <summary>Share of the slots due that were probed and say something of the target, in percent; null where none was due.</summary>
    public double? CoveragePercent => Planned - Pending is > 0 and var due ? 100.0 * Executed / due : null;

    /// <summary>Share of the probed slots that were up or degraded, in percent; null where none was probed.</summary>
    public double? UptimePercent => Executed > 0 ? 100.0 * (Up + Degraded) / Executed : null;
}

/// <summary>Slots missed, by reason.</summary>
public sealed record MissedSlots(long Expired, long Lost, long Undeliverable, long Clock, long NotPlanned)
{
    /// <summary>All reasons.</summary>
    public long Sum => Expired + Lost + Undeliverable + Clock + NotPlanned;
}

/// <summary>Whose slots to account for.</summary>
/// <param name="TargetId">One target, also a deleted one; null: all.</param>
/// <param name="Tag">The targets that have this tag now; null: all.</param>
public sealed record LedgerFilter(long? TargetId = null, string? Tag = null);

/// <summary>Reads the ledger with one query: every planned slot beside its row.</summary>
public sealed class LedgerReader(IDbContextFactory<DacDbContext> contexts, GapPlan gapPlan, TimeProvider time)
{
    private const string Figures = """
        SELECT count(*),
            count(*) FILTER (WHERE r.outcome < 15),
            count(*) FILTER (WHERE r.outcome BETWEEN 15 AND 19),
            count(*) FILTER (WHERE r.outcome BETWEEN 20 AND 49),
            count(*) FILTER (WHERE r.outcome BETWEEN 50 AND 59),
            count(*) FILTER (WHERE r.outcome = 60),
            count(*) FILTER (WHERE r.outcome = 61),
            count(*) FILTER (WHERE r.outcome = 62),
            count(*) FILTER (WHERE r.outcome = 63),
            count(*) FILTER (WHERE r.outcome = 64),
            count(*) FILTER (WHERE r.target_id IS NULL AND w.audit_after > @now),
            count(*) FILTER (WHERE r.target_id IS NULL AND w.audit_after <= @now),
            count(*) FILTER (WHERE r.flags & 1 <> 0)
        """;

    private const string PostgresSql = Figures + """

        FROM plan_window w
        CROSS JOIN LATERAL unnest(w.slot_targets, w.slot_locations, w.slot_offsets_ms) AS s(target_id, location_id, offset_ms)
        LEFT JOIN probe_result r ON r.target_id = s.target_id AND r.location_id = s.location_id
            AND r.scheduled_at = w.starts_at + s.offset_ms * interval '1 ms' AND r.scheduled_at >= @from AND r.scheduled_at < @to
            AND (@targets IS NULL OR r.target_id = ANY(@targets))
        WHERE w.starts_at >= @from AND w.starts_at < @to AND (@targets IS NULL OR s.target_id = ANY(@targets))
        """;

    private const string SqliteSql = Figures + """

        FROM plan_window w
        CROSS JOIN json_each(w.slot_targets) s
        LEFT JOIN probe_result r ON r.target_id = s.value AND r.location_id = w.slot_locations ->> s.key
            AND r.scheduled_at = w.starts_at + (w.slot_offsets_ms ->> s.key)
        WHERE w.starts_at >= @from AND w.starts_at < @to AND (@targets IS NULL OR s.value IN (SELECT value FROM json_each(@targets)))
        """;

    /// <summary>Whether a filter lets any target through; a ledger of none has nothing wrong with it, and a mistyped filter would look like that.</summary>
    public async Task<bool> HasTargetsAsync(LedgerFilter filter, CancellationToken cancellationToken)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        return await TargetsAsync(db, filter, cancellationToken) is not { Length: 0 };
    }

    /// <summary>Reads the ledger of a span, widened to whole seconds.</summary>
    public Task<Ledger> ReadAsync(DateTimeOffset from, DateTimeOffset to, CancellationToken cancellationToken) => ReadAsync(from, to, new LedgerFilter(), cancellationToken);

    /// <summary>Reads the ledger of some targets in a span, widened to whole seconds.</summary>
    public async Task<Ledger> ReadAsync(DateTimeOffset from, DateTimeOffset to, LedgerFilter filter, CancellationToken cancellationToken)
    {
        (from, to) = (Second(from, up: false), Second(to, up: true));
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        var gaps = await db.PlanGaps.Where(g => g.FromTime < to && g.ToTime > from).ToListAsync(cancellationToken);
        var targets = await TargetsAsync(db, filter, cancellationToken);
        var counted = 0L;
        foreach (var gap in gaps.Where(g => g.Slots > 0))
            counted += await CountAsync(gap, from, to, targets, cancellationToken);
        var alarms = await AlarmsAsync(db, from, to, cancellationToken);
        await db.Database.OpenConnectionAsync(cancellationToken);
        var sqlite = db is SqliteDbContext;
        await using var transaction = sqlite ? null : await HashedAsync(db.Database.GetDbConnection(), cancellationToken);
        await using var command = db.Database.GetDbConnection().CreateCommand();
#pragma warning disable CA2100 // the constants above
        command.CommandText = sqlite ? SqliteSql : PostgresSql;
#pragma warning restore CA2100
        command.CommandTimeout = 60;
        Add(command, "from", from, sqlite);
        Add(command, "to", to, sqlite);
        Add(command, "now", time.GetUtcNow(), sqlite);
        Add(command, targets, sqlite);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new Ledger
        {
            From = from,
            To = to,
            Planned = reader.GetInt64(0) + counted,
            Up = reader.GetInt64(1),
            Degraded = reader.GetInt64(2),
            Down = reader.GetInt64(3),
            ObserverFaults = reader.GetInt64(4),
            Missed = new(reader.GetInt64(5), reader.GetInt64(6), reader.GetInt64(7), reader.GetInt64(8), reader.GetInt64(9) + counted),
            Pending = reader.GetInt64(10),
            Unaccounted = reader.GetInt64(11),
            Late = reader.GetInt64(12),
            Alarms = alarms,
            GapSeconds = (long)gaps.Sum(g => Overlap(g, from, to).TotalSeconds),
        };
    }

    // PostgreSQL's statistics know nothing of the last hours of a large partition: it expects one row, and goes through all there are for each slot. With 20 million
    // rows in a day's partition the ledger of a minute at 1,000/s took more than 100 s; by hashing it takes 0.4 s, most of it for compiling the query, which is off as well.
    private static async Task<DbTransaction> HashedAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using var command = connection.CreateCommand();
        command.CommandText = "SET LOCAL enable_nestloop = off; SET LOCAL jit = off";
        await command.ExecuteNonQueryAsync(cancellationToken);
        return transaction;
    }

    private static async Task<List<string>> AlarmsAsync(DacDbContext db, DateTimeOffset from, DateTimeOffset to, CancellationToken cancellationToken)
    {
        var alarms = new List<string>();
        var windows = await db.PlanWindows.CountAsync(w => w.StartsAt >= from && w.StartsAt < to && w.Unexplained, cancellationToken);
        if (windows > 0)
            alarms.Add($"{windows} windows have other slots than the targets explain, or were planned from targets as they were over 5 s before; the scheduler's log says which");
        var partitions = await db.PlanCursors.Where(c => c.Unexplained).Select(c => c.Partition).ToListAsync(cancellationToken);
        if (partitions.Count > 0)
            alarms.Add($"The number of targets that are planned now is wrong in partition {string.Join(", ", partitions.Order())}: restart the scheduler that plans it");
        return alarms;
    }

    // A long gap has a number instead of rows; where only part of it is asked for, the schedule is asked again.
    private async ValueTask<long> CountAsync(PlanGap gap, DateTimeOffset from, DateTimeOffset to, long[]? targets, CancellationToken cancellationToken) =>
        targets is null && gap.FromTime >= from && gap.ToTime <= to
            ? gap.Slots!.Value
            : await gapPlan.CountAsync(
                new PlanGap { Partition = gap.Partition, FromTime = gap.FromTime > from ? gap.FromTime : from, ToTime = gap.ToTime < to ? gap.ToTime : to }, targets, cancellationToken);

    // Null: all.
    private static async Task<long[]?> TargetsAsync(DacDbContext db, LedgerFilter filter, CancellationToken cancellationToken)
    {
        if (filter is { TargetId: null, Tag: null })
            return null;
        var targets = filter.Tag is not { } tag ? db.Targets
            : db is SqliteDbContext ? db.Targets.FromSql($"SELECT * FROM target WHERE EXISTS (SELECT 1 FROM json_each(spec, '$.tags') WHERE value = {tag})")
            : db.Targets.FromSql($"SELECT * FROM target WHERE spec -> 'tags' ? {tag}");
        return await targets.Where(t => filter.TargetId == null || t.Id == filter.TargetId).Select(t => t.Id).ToArrayAsync(cancellationToken);
    }

    private static TimeSpan Overlap(PlanGap gap, DateTimeOffset from, DateTimeOffset to) =>
        (gap.ToTime < to ? gap.ToTime : to) - (gap.FromTime > from ? gap.FromTime : from);

    private static void Add(DbCommand command, string name, DateTimeOffset at, bool sqlite)
    {
        var parameter = command.CreateParameter();
        (parameter.ParameterName, parameter.Value) = (name, sqlite ? at.ToUnixTimeMilliseconds() : at);
        command.Parameters.Add(parameter);
    }

    private static void Add(DbCommand command, long[]? targets, bool sqlite)
    {
        var parameter = command.CreateParameter();
        (parameter.ParameterName, parameter.Value) = ("targets", targets is null ? DBNull.Value : sqlite ? $"[{string.Join(',', targets)}]" : targets);
        if (parameter is NpgsqlParameter postgres)
            postgres.NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint;
        command.Parameters.Add(parameter);
    }

    private static DateTimeOffset Second(DateTimeOffset at, bool up)
    {
        var second = DateTimeOffset.FromUnixTimeSeconds(at.ToUnixTimeSeconds());
        return up && second < at ? second.AddSeconds(1) : second;
    }
}
