using System.Collections.Concurrent;
using System.Text.Json;
using Dac.Hosting;
using Dac.Storage;
using Dac.Targets;
using Microsoft.EntityFrameworkCore;

namespace Dac.Scheduler;

/// <summary>
/// The active targets in memory, by partition, kept up to date by revision: only what has changed is read. Used by one tick at a time.
/// </summary>
public sealed partial class Catalogue
{
    /// <summary>What a tick waits for a change; a few thousand targets are read by then.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(250);

    /// <summary>From this age on the catalogue is an alarm.</summary>
    private static readonly TimeSpan Old = TimeSpan.FromSeconds(5);

    private readonly IDbContextFactory<DacDbContext> _contexts;
    private readonly NameIds _names;
    private readonly TimeProvider _time;
    private readonly ILogger<Catalogue> _logger;
    private readonly Dictionary<long, PlannedTarget> _targets = [];
    private readonly Dictionary<short, PartitionTargets> _partitions = [];
    private readonly ConcurrentDictionary<short, string> _locations = new();
    private readonly CommandTemplates _templates = new();
    private readonly HashSet<long> _unreadable = [];
    private Task<Changes>? _reading;
    private long? _behindSince;
    private bool _old;

    public Catalogue(IDbContextFactory<DacDbContext> contexts, NameIds names, TimeProvider time, ILogger<Catalogue> logger)
    {
        (_contexts, _names, _time, _logger) = (contexts, names, time, logger);
        Telemetry.Meter.CreateObservableGauge("dac.catalogue.age", () => Age.TotalSeconds, "s", "How long there has been a change of the targets that is not planned from yet");
        Telemetry.Meter.CreateObservableGauge("dac.targets.active", () => _targets.Count, "{target}", "Targets that are planned");
        Telemetry.Meter.CreateObservableGauge("dac.targets.unreadable", () => _unreadable.Count, "{target}", "Targets whose stored definition can't be read");
    }

    /// <summary>For tests of the proof: a target that this node overlooks.</summary>
    internal long? Overlooked { get; set; }

    /// <summary>Revision of the last change that was read.</summary>
    public long Revision { get; private set; }

    /// <summary>Name of a location, also of one that no target here has any more.</summary>
    public async ValueTask<string> LocationAsync(short id, CancellationToken cancellationToken)
    {
        if (_locations.TryGetValue(id, out var name))
            return name;
        await using var db = await _contexts.CreateDbContextAsync(cancellationToken);
        return _locations[id] = await db.Locations.Where(l => l.Id == id).Select(l => l.Name).SingleAsync(cancellationToken);
    }

    /// <summary>The active targets of a partition.</summary>
    public PartitionTargets Partition(short partition) =>
        _partitions.TryGetValue(partition, out var targets) ? targets : _partitions[partition] = new PartitionTargets();

    /// <summary>True once it has been read.</summary>
    public bool IsLoaded { get; private set; }

    /// <summary>
    /// Takes in what has changed up to <paramref name="revision"/>. A large change is read in the background while planning goes on with the catalogue
    /// as it was; so is one that the database can't give at the moment.
    /// </summary>
    public async Task RefreshAsync(long revision, CancellationToken cancellationToken)
    {
        if (revision == Revision && IsLoaded)
        {
            _behindSince = null;
            return;
        }
        _behindSince ??= _time.GetTimestamp();
        _reading ??= Task.Run(() => DatabaseFault.OnceMoreAsync(() => ReadAsync(Revision, !IsLoaded, cancellationToken)), cancellationToken);
        try
        {
            var changes = await _reading.WaitAsync(Patience, _time, cancellationToken);
            _reading = null;
            Apply(changes);
        }
        catch (TimeoutException) when (_reading is { IsCompleted: false })
        {
        }
        catch (Exception e) when (e is TimeoutException || e.IsDatabaseFault())
        {
            _reading = null;
            LogNotRead(_logger, e.Message);
        }
        if (Age > Old && !_old)
            LogOld(_logger, Age.TotalSeconds, Revision, revision);
        _old = Age > Old;
    }

    private TimeSpan Age => _behindSince is { } since ? _time.GetElapsedTime(since) : TimeSpan.Zero;

    private void Apply(Changes changes)
    {
        if (!IsLoaded)
            _targets.EnsureCapacity(changes.Targets.Count);
        foreach (var (id, target, unreadable) in changes.Targets)
        {
            _unreadable.Remove(id);
            if (_targets.Remove(id, out var old))
                Partition(old.Partition).Remove(old);
            if (unreadable)
                _unreadable.Add(id);
            if (target is { Paused: false } && id != Overlooked)
            {
                _targets[id] = target;
                Partition(target.Partition).Add(target);
            }
        }
        (Revision, IsLoaded, _behindSince) = (changes.Revision, true, null);
        LogRefreshed(_logger, Revision, _targets.Count, _unreadable.Count);
    }

    // In one snapshot with the revision: each window says exactly what it was planned from.
    private async Task<Changes> ReadAsync(long from, bool all, CancellationToken cancellationToken)
    {
        await using var db = await _contexts.CreateDbContextAsync(cancellationToken);
        await using var snapshot = await db.BeginSnapshotAsync(cancellationToken);
        var revision = await db.Topology.AsNoTracking().Select(t => t.Revision).SingleAsync(cancellationToken);
        var rows = db.Targets.AsNoTracking().Where(t => all ? t.DeletedAt == null : t.Revision > from)
            .Select(t => new { t.Id, t.Spec, t.Partition, Deleted = t.DeletedAt != null });
        var targets = new List<(long, PlannedTarget?, bool)>();
        await foreach (var row in rows.AsAsyncEnumerable().WithCancellation(cancellationToken))
        {
            var target = row.Deleted ? null : await ReadAsync(row.Id, row.Partition, row.Spec, cancellationToken);
            targets.Add((row.Id, target, !row.Deleted && target is null));
        }
        return new Changes(revision, targets);
    }

    /// <summary>
    /// The target of a slot that is to be published; from the database where another scheduler planned it from an older catalogue. Null where it can't be read.
    /// </summary>
    public async ValueTask<PlannedTarget?> FindAsync(long id, CancellationToken cancellationToken)
    {
        if (_targets.TryGetValue(id, out var target))
            return target;
        await using var db = await _contexts.CreateDbContextAsync(cancellationToken);
        return await db.Targets.AsNoTracking().SingleOrDefaultAsync(t => t.Id == id, cancellationToken) is { } row
            ? await ReadAsync(id, row.Partition, row.Spec, cancellationToken)
            : null;
    }

    // A row that can't be read costs that target its probes, and nobody else anything.
    private async ValueTask<PlannedTarget?> ReadAsync(long id, short partition, string spec, CancellationToken cancellationToken)
    {
        try
        {
            var (target, errors) = TargetValidator.Validate(TargetStore.ReadSpec(spec), compile: false);
            if (target is not null)
            {
                var locations = await _names.LocationsAsync(target.Locations, cancellationToken);
                for (var i = 0; i < locations.Length; i++)
                    _locations[locations[i]] = target.Locations[i];
                return new PlannedTarget(id, partition, target, locations, _templates.Of(target));
            }
            LogUnreadable(_logger, id, string.Join("; ", errors));
        }
        catch (JsonException e)
        {
            LogUnreadable(_logger, id, e.Message);
        }
        return null;
    }

    private sealed record Changes(long Revision, List<(long Id, PlannedTarget? Target, bool Unreadable)> Targets);

    [LoggerMessage(LogLevel.Warning, "Changes of the targets can't be read, planning goes on without them: {Reason}")]
    private static partial void LogNotRead(ILogger logger, string reason);

    [LoggerMessage(LogLevel.Error, "The targets are planned as they were {Seconds:F0} s ago, at revision {Revision} instead of {Latest}")]
    private static partial void LogOld(ILogger logger, double seconds, long revision, long latest);

    [LoggerMessage(LogLevel.Information, "Catalogue at revision {Revision}: {Active} active targets, {Unreadable} unreadable")]
    private static partial void LogRefreshed(ILogger logger, long revision, int active, int unreadable);

    [LoggerMessage(LogLevel.Error, "Target {TargetId} is not probed, its definition can't be read: {Reason}")]
    private static partial void LogUnreadable(ILogger logger, long targetId, string reason);
}
