using System.Text.Json;
using Dac.Storage.Model;
using Dac.Targets;
using Microsoft.EntityFrameworkCore;

namespace Dac.Storage;

/// <summary>
/// What was due in seconds that nobody planned, with the targets as they were then: the schedule is a pure function, so it can be asked afterwards.
/// </summary>
public sealed class GapPlan(IDbContextFactory<DacDbContext> contexts, NameIds names)
{
    /// <summary>How far ahead of the clock anybody plans.</summary>
    private static readonly TimeSpan Ahead = TimeSpan.FromSeconds(15);

    /// <summary>The windows of a gap, each with its slots in order of time; seconds with nothing due are left out.</summary>
    public async Task<IReadOnlyList<PlannedWindow>> WindowsAsync(PlanGap gap, CancellationToken cancellationToken)
    {
        var bySecond = new SortedDictionary<long, HashSet<PlannedSlot>>();
        var targets = await ReadAsync(gap, null, cancellationToken);
        foreach (var target in targets)
        {
            for (var due = target.FirstDue(target.FromMs); due < target.ToMs; due = target.FirstDue(due.Value + 1))
            {
                var second = due.Value / Schedule.WindowMs * Schedule.WindowMs;
                if (!bySecond.TryGetValue(second, out var slots))
                    bySecond.Add(second, slots = []);
                slots.UnionWith(target.Locations.Select(l => new PlannedSlot(target.Id, l, (short)(due.Value - second))));
            }
        }
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        foreach (var found in await db.FoundAsync(gap.FromTime, gap.ToTime, gap.Partition, cancellationToken))
        {
            var second = found.DueMs / Schedule.WindowMs * Schedule.WindowMs;
            if (!bySecond.TryGetValue(second, out var slots))
                bySecond.Add(second, slots = []);
            slots.Add(new PlannedSlot(found.TargetId, found.LocationId, (short)(found.DueMs - second)));
        }
        var active = targets.Select(t => t.Id).Distinct().Count();
        return
        [
            .. bySecond.Select(w => new PlannedWindow(
                gap.Partition, w.Key, [.. w.Value.OrderBy(s => s.OffsetMs).ThenBy(s => s.TargetId)], active, targets.Select(t => t.Revision).DefaultIfEmpty().Max(), w.Key)),
        ];
    }

    /// <summary>How many slots were due in a gap. Interval targets are reckoned, not enumerated: a day of a million targets is a million divisions.</summary>
    /// <param name="gap">The gap.</param>
    /// <param name="only">Only these targets; null: all.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<long> CountAsync(PlanGap gap, IReadOnlyList<long>? only, CancellationToken cancellationToken) =>
        (await ReadAsync(gap, only, cancellationToken)).Sum(t => t.Count() * t.Locations.Length);

    /// <summary>
    /// What was probed in the seconds after a gap without being in their plan: a scheduler that plans from memory is ahead of the clock when the database comes back, and may not
    /// have heard of a target's change.
    /// </summary>
    public async Task<IReadOnlyList<PlannedWindow>> StraysAsync(PlanGap gap, CancellationToken cancellationToken)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        // The next gap finds its rows itself.
        var next = await db.PlanGaps.Where(g => g.Partition == gap.Partition && g.FromTime >= gap.ToTime).MinAsync(g => (DateTimeOffset?)g.FromTime, cancellationToken);
        // Beyond the plan there may be a gap that nobody has recorded yet.
        var planned = await db.PlanCursors.Where(c => c.Partition == gap.Partition).Select(c => c.PlannedUntil).SingleAsync(cancellationToken) ?? gap.ToTime;
        var until = new[] { gap.ToTime + Ahead, next ?? DateTimeOffset.MaxValue, planned }.Min();
        var found = await db.FoundAsync(gap.ToTime, until, gap.Partition, cancellationToken);
        return found.Count == 0
            ? []
            : Gaps.Strays(found, await db.PlanWindows.AsNoTracking().Where(w => w.StartsAt >= gap.ToTime && w.StartsAt < until).ToListAsync(cancellationToken));
    }

    private async Task<List<PastTarget>> ReadAsync(PlanGap gap, IReadOnlyList<long>? only, CancellationToken cancellationToken)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        var versions = await db.TargetVersions.AsNoTracking()
            .Where(v => v.Partition == gap.Partition && v.ValidFrom < gap.ToTime && (v.ValidTo == null || v.ValidTo > gap.FromTime) && (only == null || only.Contains(v.TargetId))).ToListAsync(cancellationToken);
        var targets = new List<PastTarget>();
        foreach (var version in versions)
        {
            if (Read(version) is not { Paused: false } target)
                continue;
            targets.Add(new PastTarget(
                version.TargetId, target, await names.LocationsAsync(target.Locations, cancellationToken), version.Revision,
                Math.Max(gap.FromTime.ToUnixTimeMilliseconds(), version.ValidFrom.ToUnixTimeMilliseconds()),
                Math.Min(gap.ToTime.ToUnixTimeMilliseconds(), version.ValidTo?.ToUnixTimeMilliseconds() ?? long.MaxValue)));
        }
        return targets;
    }

    // A definition that can't be read was not planned then either; the catalogue names it.
    /// <summary>A target as it was then; null where it can't be read.</summary>
    public static ProbeTarget? Read(TargetVersion version)
    {
        try
        {
            return TargetValidator.Validate(TargetStore.ReadSpec(version.Spec), compile: false).Target;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>A target as it was for part of the gap, from <paramref name="FromMs"/> to before <paramref name="ToMs"/>.</summary>
    private sealed record PastTarget(long Id, ProbeTarget Target, short[] Locations, long Revision, long FromMs, long ToMs)
    {
        public long? FirstDue(long fromMs) => Target.Cron is { } cron
            ? Schedule.CronAtOrAfter(cron, Id, fromMs)
            : Schedule.FirstAtOrAfter(Schedule.PhaseMs(Id, Target.IntervalMs), Target.IntervalMs, fromMs);

        public long Count()
        {
            if (Target.Cron is null)
                return FirstDue(FromMs) is { } first && first < ToMs ? (ToMs - 1 - first) / Target.IntervalMs + 1 : 0;
            var count = 0L;
            for (var due = FirstDue(FromMs); due < ToMs; due = FirstDue(due.Value + 1))
                count++;
            return count;
        }
    }
}
