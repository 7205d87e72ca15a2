using Dac.Contracts;
using Dac.Storage.Model;
using Dac.Targets;
using Microsoft.EntityFrameworkCore;

namespace Dac.Storage;

/// <summary>What both databases do alike with gaps.</summary>
internal static class Gaps
{
    public static Task<List<PlanGap>> OpenGapsAsync(this DacDbContext db, int limit, CancellationToken cancellationToken) =>
        db.PlanGaps.AsNoTracking().Where(g => g.Slots == null).OrderBy(g => g.FromTime).Take(limit).ToListAsync(cancellationToken);

    public static Task<bool> WasProbedAsync(this DacDbContext db, PlanGap gap, CancellationToken cancellationToken) =>
        db.Results.AnyAsync(r => r.ScheduledAt >= gap.FromTime && r.ScheduledAt < gap.ToTime && r.Outcome < Outcome.Expired, cancellationToken);

    /// <summary>Closes a gap up to a time; false where another node has done it.</summary>
    public static async Task<bool> CloseAsync(this DacDbContext db, PlanGap gap, DateTimeOffset until, long slots, CancellationToken cancellationToken)
    {
        if (await Row(db, gap).Where(g => g.Slots == null).ExecuteUpdateAsync(s => s.SetProperty(g => g.Slots, slots).SetProperty(g => g.ToTime, until), cancellationToken) == 0)
            return false;
        if (until < gap.ToTime)
        {
            db.Add(new PlanGap { Partition = gap.Partition, FromTime = until, ToTime = gap.ToTime });
            await db.SaveChangesAsync(cancellationToken);
        }
        return true;
    }

    /// <summary>Forgets a gap in which everything was probed: it was planned, only not in the database.</summary>
    public static async Task ForgetGapAsync(this DacDbContext db, PlanGap gap, IReadOnlyList<PlannedWindow> windows, long notPlanned, CancellationToken cancellationToken)
    {
        if (windows.Count > 0 && notPlanned == 0)
            await Row(db, gap).ExecuteDeleteAsync(cancellationToken);
    }

    /// <summary>Adds slots to the plan after it was made: they were probed, so they were planned, though not in the database.</summary>
    public static async Task AdoptAsync(this DacDbContext db, IReadOnlyList<PlannedWindow> strays, DateTimeOffset now, CancellationToken cancellationToken)
    {
        foreach (var stray in strays)
        {
            var start = DateTimeOffset.FromUnixTimeMilliseconds(stray.StartMs);
            var window = await db.PlanWindows.FindAsync([stray.Partition, start], cancellationToken)
                ?? db.Add(new PlanWindow { Partition = stray.Partition, StartsAt = start, Revision = stray.Revision, ActiveTargets = stray.ActiveTargets, LeaseUntil = now, PublishedAt = now, AuditAfter = now }).Entity;
            window.Planned += stray.Slots.Count;
            window.Checksum += stray.Checksum();
            window.SlotTargets = [.. window.SlotTargets ?? [], .. stray.Slots.Select(s => s.TargetId)];
            window.SlotLocations = [.. window.SlotLocations ?? [], .. stray.Slots.Select(s => s.LocationId)];
            window.SlotOffsetsMs = [.. window.SlotOffsetsMs ?? [], .. stray.Slots.Select(s => s.OffsetMs)];
            window.Unexplained = true;
            // Whatever was read: if it was audited meanwhile, it was audited without these.
            window.AuditedAt = null;
            db.Entry(window).Property(w => w.AuditedAt).IsModified = db.Entry(window).State != EntityState.Added;
        }
        await db.SaveChangesAsync(cancellationToken);
    }

    /// <summary>
    /// Adds to the plan of seconds that were audited what was probed in them without being in anybody's plan: by a scheduler without the database, that did not hear of a change, and whose
    /// results came when the seconds had their account already. Every planned slot has a row by then: where there are more rows than slots, there are such.
    /// </summary>
    public static async Task AdoptStraysAsync(this DacDbContext db, IEnumerable<DateTimeOffset> seconds, DateTimeOffset now, CancellationToken cancellationToken)
    {
        foreach (var second in seconds.Distinct())
        {
            var end = second.AddMilliseconds(Schedule.WindowMs);
            var planned = db.PlanWindows.AsNoTracking().Where(w => w.StartsAt == second);
            if (await db.Results.CountAsync(r => r.ScheduledAt >= second && r.ScheduledAt < end, cancellationToken) <= await planned.SumAsync(w => w.Planned, cancellationToken))
                continue;
            var windows = await planned.ToListAsync(cancellationToken);
            // A gap that is open, or only counted, accounts for its slots itself.
            var gaps = await db.PlanGaps.Where(g => g.Slots != 0 && g.FromTime <= second && g.ToTime > second).Select(g => g.Partition).ToListAsync(cancellationToken);
            var strays = Strays(await db.FoundAsync(second, end, null, cancellationToken), windows);
            await db.AdoptAsync([.. strays.Where(s => windows.Exists(w => w.Partition == s.Partition) || !gaps.Contains(s.Partition))], now, cancellationToken);
        }
    }

    /// <summary>What was found and stands in none of these windows.</summary>
    public static List<PlannedWindow> Strays(IEnumerable<FoundSlot> found, IEnumerable<PlanWindow> windows)
    {
        var planned = windows.SelectMany(w => w.SlotTargets!.Select((t, i) => (t, w.SlotLocations![i], w.StartsAt.ToUnixTimeMilliseconds() + w.SlotOffsetsMs![i]))).ToHashSet();
        return
        [
            .. found.Where(f => !planned.Contains((f.TargetId, f.LocationId, f.DueMs))).GroupBy(f => (f.Partition, SecondMs: f.DueMs / Schedule.WindowMs * Schedule.WindowMs))
                .Select(s => new PlannedWindow(s.Key.Partition, s.Key.SecondMs, [.. s.Select(f => new PlannedSlot(f.TargetId, f.LocationId, (short)(f.DueMs - s.Key.SecondMs)))], 0, 0, s.Key.SecondMs)),
        ];
    }

    /// <summary>What collectors have reported of a span, executed or not, and the partition that it belonged to: it was due to somebody.</summary>
    public static async Task<List<FoundSlot>> FoundAsync(this DacDbContext db, DateTimeOffset from, DateTimeOffset to, short? only, CancellationToken cancellationToken)
    {
        var rows = await db.Results.AsNoTracking().Where(r => r.ScheduledAt >= from && r.ScheduledAt < to && r.CollectorId != null)
            .Select(r => new
            {
                r.TargetId,
                r.LocationId,
                r.ScheduledAt,
                Partition = db.TargetVersions.Where(v => v.TargetId == r.TargetId && v.ValidFrom <= r.ScheduledAt).OrderByDescending(v => v.Revision).Select(v => (short?)v.Partition).FirstOrDefault(),
            })
            .Where(r => r.Partition != null && (only == null || r.Partition == only)).ToListAsync(cancellationToken);
        return rows.ConvertAll(r => new FoundSlot(r.Partition!.Value, r.TargetId, r.LocationId, r.ScheduledAt.ToUnixTimeMilliseconds()));
    }

    private static IQueryable<PlanGap> Row(DacDbContext db, PlanGap gap) => db.PlanGaps.Where(g => g.Partition == gap.Partition && g.FromTime == gap.FromTime);
}

/// <summary>A slot that has a row, by a collector.</summary>
internal readonly record struct FoundSlot(short Partition, long TargetId, short LocationId, long DueMs);
