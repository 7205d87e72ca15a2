using System.Data;
using System.Text.RegularExpressions;
using Dac.Storage;
using Microsoft.EntityFrameworkCore;

namespace Dac.Faults.Proof;

/// <summary>Reads what the database has to say, in one snapshot.</summary>
public static partial class EvidenceReader
{
    /// <summary>What is still to be done before everything due before a time is settled; null when nothing is.</summary>
    public static async Task<string?> OpenAsync(DacDbContext db, DateTimeOffset to)
    {
        var windows = await db.PlanWindows.CountAsync(w => w.StartsAt < to && w.AuditedAt == null);
        var gaps = await db.PlanGaps.CountAsync(g => g.Slots == null && g.FromTime < to);
        var cursors = await db.PlanCursors.CountAsync(c => c.PlannedUntil == null || c.PlannedUntil < to);
        return windows + gaps + cursors == 0 ? null : $"{windows} windows not audited, {gaps} gaps not closed, {cursors} partitions not planned so far";
    }

    /// <summary>Reads plan, rows, gaps and states, and runs the proof that users are given.</summary>
    public static async Task<(Evidence Evidence, Proof Proof, int Parked)> ReadAsync(DacDbContext db, Evidence rest)
    {
        await using var snapshot = await db.Database.BeginTransactionAsync(IsolationLevel.RepeatableRead);
        var windows = await db.PlanWindows.AsNoTracking().OrderBy(w => w.StartsAt).ToListAsync();
        var collectors = await db.Collectors.AsNoTracking().ToDictionaryAsync(c => c.Id, c => c.Name);
        var rows = await db.Results.AsNoTracking().ToListAsync();
        var evidence = rest with
        {
            Windows = windows.ConvertAll(w => new Window(
                w.Partition, Ms(w.StartsAt), [.. w.SlotTargets!.Select((t, i) => new SlotKey(t, w.SlotLocations![i], Ms(w.StartsAt) + w.SlotOffsetsMs![i]))],
                w.Planned, w.Executed, w.ObserverFaults, w.Missed, w.AuditedAt is not null, w.Attempt)),
            Rows = rows.ConvertAll(r => new Row(
                new SlotKey(r.TargetId, r.LocationId, Ms(r.ScheduledAt)), r.Outcome, r.LatenessUs, r.TotalUs, r.Flags, r.Error,
                r.CollectorId is { } id ? collectors[id] : null)),
            Gaps = (await db.PlanGaps.AsNoTracking().ToListAsync()).ConvertAll(g => new Gap(g.Partition, Ms(g.FromTime), Ms(g.ToTime), g.Slots)),
            States = (await db.States.AsNoTracking().ToListAsync()).ConvertAll(s => new State(s.TargetId, s.LocationId, s.Outcome, Ms(s.ScheduledAt))),
        };
        var proof = (await db.Database.SqlQueryRaw<Proof>(ProofSql()).ToListAsync())[0];
        return (evidence, proof, await db.ParkedResults.CountAsync());
    }

    // The first query of the page: PostgreSQL's.
    private static string ProofSql() =>
        SqlBlock().Match(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "ledger.md"))).Groups[1].Value
            .Replace("AS with_a_row", "AS \"WithARow\"", StringComparison.Ordinal)
            .Replace("AS planned", "AS \"Planned\"", StringComparison.Ordinal)
            .Replace("AS unaccounted", "AS \"Unaccounted\"", StringComparison.Ordinal)
            .Trim().TrimEnd(';');

    private static long Ms(DateTimeOffset at) => at.ToUnixTimeMilliseconds();

    [GeneratedRegex("```sql\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex SqlBlock();
}

/// <summary>What the query of <c>docs/ledger.md</c> returns.</summary>
public sealed record Proof(long Planned, long WithARow, long Unaccounted);
