using System.Data.Common;
using Dac.Storage.Model;
using Microsoft.EntityFrameworkCore;

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

/// <summary>Reads the ledger with one query: every planned slot beside its row.</summary>
public sealed class LedgerReader(IDbContextFactory<DacDbContext> contexts, TimeProvider time)
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
        WHERE w.starts_at >= @from AND w.starts_at < @to
        """;

    private const string SqliteSql = Figures + """

        FROM plan_window w
        CROSS JOIN json_each(w.slot_targets) s
        LEFT JOIN probe_result r ON r.target_id = s.value AND r.location_id = w.slot_locations ->> s.key
            AND r.scheduled_at = w.starts_at + (w.slot_offsets_ms ->> s.key)
        WHERE w.starts_at >= @from AND w.starts_at < @to
        """;

    /// <summary>Reads the ledger of a span, widened to whole seconds.</summary>
    public async Task<Ledger> ReadAsync(DateTimeOffset from, DateTimeOffset to, CancellationToken cancellationToken)
    {
        (from, to) = (Second(from, up: false), Second(to, up: true));
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        var gaps = await db.PlanGaps.Where(g => g.FromTime < to && g.ToTime > from).ToListAsync(cancellationToken);
        // A long gap has a number instead of rows; where it lies only partly in the span, the part's share of it.
        var counted = gaps.Sum(g => (long)Math.Round((g.Slots ?? 0) * (Overlap(g, from, to) / (g.ToTime - g.FromTime))));
        await db.Database.OpenConnectionAsync(cancellationToken);
        await using var command = db.Database.GetDbConnection().CreateCommand();
        var sqlite = db is SqliteDbContext;
#pragma warning disable CA2100 // the constants above
        command.CommandText = sqlite ? SqliteSql : PostgresSql;
#pragma warning restore CA2100
        command.CommandTimeout = 60;
        Add(command, "from", from, sqlite);
        Add(command, "to", to, sqlite);
        Add(command, "now", time.GetUtcNow(), sqlite);
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
            GapSeconds = (long)gaps.Sum(g => Overlap(g, from, to).TotalSeconds),
        };
    }

    private static TimeSpan Overlap(PlanGap gap, DateTimeOffset from, DateTimeOffset to) =>
        (gap.ToTime < to ? gap.ToTime : to) - (gap.FromTime > from ? gap.FromTime : from);

    private static void Add(DbCommand command, string name, DateTimeOffset at, bool sqlite)
    {
        var parameter = command.CreateParameter();
        (parameter.ParameterName, parameter.Value) = (name, sqlite ? at.ToUnixTimeMilliseconds() : at);
        command.Parameters.Add(parameter);
    }

    private static DateTimeOffset Second(DateTimeOffset at, bool up)
    {
        var second = DateTimeOffset.FromUnixTimeSeconds(at.ToUnixTimeSeconds());
        return up && second < at ? second.AddSeconds(1) : second;
    }
}
