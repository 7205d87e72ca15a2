using System.Diagnostics.Metrics;
using Dac.Hosting;
using Dac.Storage;
using Microsoft.EntityFrameworkCore;

namespace Dac.Scheduler;

/// <summary>
/// Holds the plan against the targets: what each window should have had is worked out again from <c>target_version</c>, which no planner reads. A window with
/// other slots, or planned from a catalogue older than 5 s, is marked and is an alarm.
/// </summary>
public sealed partial class PlanProof(IDbContextFactory<DacDbContext> contexts, NameIds names, PlanMemory memory, ILogger<PlanProof> logger)
{
    /// <summary>Windows in one run; after an outage the oldest are passed over.</summary>
    private const int Windows = 4_000;

    /// <summary>Targets read in one run, some 0.5 s of CPU; with more of them, and changes all the time, the partitions take turns.</summary>
    private const int Budget = 200_000;

    private static readonly TimeSpan Old = TimeSpan.FromSeconds(5);
    private static readonly Counter<long> Unexplained = Telemetry.Meter.CreateCounter<long>(
        "dac.windows.unexplained", "{window}", "Windows whose slots the targets do not explain, or that were planned from an old catalogue");

    private readonly Dictionary<short, (long Revision, PartitionTargets Targets)> _targets = [];
    private readonly CommandTemplates _templates = new();
    private DateTimeOffset? _until;
    private short _turn;

    /// <summary>Checks what was planned since the last run.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        var now = DateTimeOffset.FromUnixTimeMilliseconds(memory.NowMs);
        var from = _until ?? now - TimeSpan.FromMinutes(1);
        var latest = await db.Topology.AsNoTracking().Select(t => t.Revision).SingleAsync(cancellationToken);
        // By partition and revision; the windows of a catalogue that has been changed since are told apart by it.
        var windows = await db.PlanWindows.AsNoTracking().Where(w => w.StartsAt > from && w.StartsAt <= now && w.PlannedAt != null).OrderByDescending(w => w.StartsAt).Take(Windows)
            .Select(w => new Claim(w.Partition, w.Revision, w.ActiveTargets, w.StartsAt, w.Checksum, w.PlannedAt)).ToListAsync(cancellationToken);
        var cursors = await db.PlanCursors.AsNoTracking().Where(c => c.PlannedUntil != null)
            .Select(c => new Claim(c.Partition, c.Revision, c.ActiveTargets, null, 0, null)).ToListAsync(cancellationToken);
        var read = 0;
        foreach (var claims in windows.Concat(cursors).GroupBy(c => (c.Partition, c.Revision)).OrderBy(g => (short)(g.Key.Partition - _turn) & short.MaxValue))
        {
            var (targets, count) = await AsOfAsync(db, claims.Key.Partition, claims.Key.Revision, cancellationToken);
            // Mostly there is none: not asked of each partition every few seconds.
            var changedAt = claims.Key.Revision == latest ? null : await ChangedAtAsync(db, claims.Key.Partition, claims.Key.Revision, cancellationToken);
            await MarkAsync(db, claims.Select(c => (c, Doubt(c, targets, changedAt))).Where(d => d.Item2 is not null).ToList(), cancellationToken);
            if (claims.Any(c => c.StartsAt is null) && targets.Count == claims.First(c => c.StartsAt is null).ActiveTargets)
                await db.PlanCursors.Where(c => c.Partition == claims.Key.Partition && c.Unexplained).ExecuteUpdateAsync(s => s.SetProperty(c => c.Unexplained, false), cancellationToken);
            if ((read += count) > Budget)
            {
                _turn = (short)(claims.Key.Partition + 1);
                break;
            }
        }
        _until = now;
    }

    private static string? Doubt(Claim claim, PartitionTargets targets, DateTimeOffset? changedAt)
    {
        if (claim.ActiveTargets != targets.Count)
            return $"planned with {claim.ActiveTargets} active targets, there were {targets.Count}";
        if (claim.StartsAt is { } start && (targets.Plan(claim.Partition, start.ToUnixTimeMilliseconds(), claim.Revision)?.Checksum() ?? 0) != claim.Checksum)
            return "its slots are not those that were due";
        return claim.PlannedAt - changedAt is { } age && age > Old ? $"planned from a catalogue that was {age.TotalSeconds:F0} s old" : null;
    }

    private async Task MarkAsync(DacDbContext db, List<(Claim Claim, string? Doubt)> doubts, CancellationToken cancellationToken)
    {
        if (doubts.Count == 0)
            return;
        var (partition, starts) = (doubts[0].Claim.Partition, doubts.Where(d => d.Claim.StartsAt is not null).Select(d => d.Claim.StartsAt!.Value).ToList());
        await db.PlanWindows.Where(w => w.Partition == partition && starts.Contains(w.StartsAt)).ExecuteUpdateAsync(s => s.SetProperty(w => w.Unexplained, true), cancellationToken);
        if (doubts.Count > starts.Count)
            await db.PlanCursors.Where(c => c.Partition == partition).ExecuteUpdateAsync(s => s.SetProperty(c => c.Unexplained, true), cancellationToken);
        Unexplained.Add(starts.Count);
        LogUnexplained(logger, partition, starts.Count, doubts[0].Doubt!);
    }

    // When the first change after a revision was made.
    private static async Task<DateTimeOffset?> ChangedAtAsync(DacDbContext db, short partition, long revision, CancellationToken cancellationToken)
    {
        var versions = db.TargetVersions.Where(v => v.Partition == partition);
        var begun = await versions.Where(v => v.Revision > revision).MinAsync(v => (DateTimeOffset?)v.ValidFrom, cancellationToken);
        var ended = await versions.Where(v => v.RevisionTo > revision).MinAsync(v => v.ValidTo, cancellationToken);
        return begun < ended ? begun : ended ?? begun;
    }

    // The partition as it was at a revision, and how many targets were read for it.
    private async Task<(PartitionTargets Targets, int Read)> AsOfAsync(DacDbContext db, short partition, long revision, CancellationToken cancellationToken)
    {
        var versions = db.TargetVersions.AsNoTracking().Where(v => v.Partition == partition);
        if (_targets.TryGetValue(partition, out var known) && known.Revision <= revision && (known.Revision == revision
            || !await versions.AnyAsync(v => (v.Revision > known.Revision && v.Revision <= revision) || (v.RevisionTo > known.Revision && v.RevisionTo <= revision), cancellationToken)))
            return (known.Targets, 0);
        var (targets, read) = (new PartitionTargets(), 0);
        await foreach (var version in versions.Where(v => v.Revision <= revision && (v.RevisionTo == null || v.RevisionTo > revision)).AsAsyncEnumerable().WithCancellation(cancellationToken))
        {
            read++;
            if (GapPlan.Read(version) is { Paused: false } target)
            {
                // Only the plan is worked out again: a second copy of a million URLs would be memory for nothing.
                var planned = target with { Url = "" };
                targets.Add(new PlannedTarget(version.TargetId, partition, planned, await names.LocationsAsync(target.Locations, cancellationToken), _templates.Of(planned)));
            }
        }
        _targets[partition] = (revision, targets);
        return (targets, read);
    }

    /// <summary>What a window says of itself, or, without a start, a partition's cursor.</summary>
    private sealed record Claim(short Partition, long Revision, int ActiveTargets, DateTimeOffset? StartsAt, long Checksum, DateTimeOffset? PlannedAt);

    [LoggerMessage(LogLevel.Error, "The targets do not explain the plan of partition {Partition} ({Windows} windows): {Doubt}")]
    private static partial void LogUnexplained(ILogger logger, short partition, int windows, string doubt);
}
