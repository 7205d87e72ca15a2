using Dac.Contracts;
using Dac.Storage.Model;
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

    private static IQueryable<PlanGap> Row(DacDbContext db, PlanGap gap) => db.PlanGaps.Where(g => g.Partition == gap.Partition && g.FromTime == gap.FromTime);
}
