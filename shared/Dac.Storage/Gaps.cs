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

    private static IQueryable<PlanGap> Row(DacDbContext db, PlanGap gap) => db.PlanGaps.Where(g => g.Partition == gap.Partition && g.FromTime == gap.FromTime);
}
