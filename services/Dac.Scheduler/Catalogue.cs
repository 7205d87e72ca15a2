using System.Text.Json;
using Dac.Hosting;
using Dac.Storage;
using Dac.Targets;
using Microsoft.EntityFrameworkCore;

namespace Dac.Scheduler;

/// <summary>
/// The active targets in memory, by partition, kept up to date by revision: each tick reads only what has changed. Used by one tick at a time.
/// </summary>
public sealed partial class Catalogue
{
    private readonly IDbContextFactory<DacDbContext> _contexts;
    private readonly NameIds _names;
    private readonly ILogger<Catalogue> _logger;
    private readonly Dictionary<long, PlannedTarget> _targets = [];
    private readonly Dictionary<short, PartitionTargets> _partitions = [];
    private readonly Dictionary<short, string> _locations = [];
    private readonly HashSet<long> _unreadable = [];

    public Catalogue(IDbContextFactory<DacDbContext> contexts, NameIds names, ILogger<Catalogue> logger)
    {
        (_contexts, _names, _logger) = (contexts, names, logger);
        Telemetry.Meter.CreateObservableGauge("dac.targets.active", () => _targets.Count, "{target}", "Targets that are planned");
        Telemetry.Meter.CreateObservableGauge("dac.targets.unreadable", () => _unreadable.Count, "{target}", "Targets whose stored definition can't be read");
    }

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

    /// <summary>Reads what has changed up to <paramref name="revision"/>.</summary>
    public async Task RefreshAsync(long revision, CancellationToken cancellationToken)
    {
        if (revision == Revision)
            return;
        var first = Revision == 0;
        if (first)
        {
            // A first load that broke off halfway knows nothing of what was deleted since.
            _targets.Clear();
            _partitions.Clear();
            _unreadable.Clear();
        }
        await using var db = await _contexts.CreateDbContextAsync(cancellationToken);
        // Without an upper limit: what has changed since the revision was read is taken along now, and once more with the next tick.
        var changes = db.Targets.AsNoTracking().Where(t => t.Revision > Revision && (!first || t.DeletedAt == null));
        await foreach (var change in changes.Select(t => new { t.Id, t.Spec, t.Partition, Deleted = t.DeletedAt != null }).AsAsyncEnumerable().WithCancellation(cancellationToken))
        {
            Remove(change.Id);
            if (!change.Deleted && await ReadAsync(change.Id, change.Partition, change.Spec, cancellationToken) is { Target.Paused: false } target)
                Add(target);
        }
        Revision = revision;
        LogRefreshed(_logger, revision, _targets.Count, _unreadable.Count);
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

    private void Add(PlannedTarget target)
    {
        _targets[target.Id] = target;
        Partition(target.Partition).Add(target);
    }

    private void Remove(long id)
    {
        _unreadable.Remove(id);
        if (_targets.Remove(id, out var old))
            Partition(old.Partition).Remove(old);
    }

    // A row that can't be read costs that target its probes, and nobody else anything.
    private async ValueTask<PlannedTarget?> ReadAsync(long id, short partition, string spec, CancellationToken cancellationToken)
    {
        try
        {
            var (target, errors) = TargetValidator.Validate(TargetStore.ReadSpec(spec), compile: false);
            if (target is not null)
            {
                var locations = new short[target.Locations.Count];
                for (var i = 0; i < locations.Length; i++)
                    _locations[locations[i] = await _names.LocationAsync(target.Locations[i], cancellationToken)] = target.Locations[i];
                return new PlannedTarget(id, partition, target, locations);
            }
            LogUnreadable(_logger, id, string.Join("; ", errors));
        }
        catch (JsonException e)
        {
            LogUnreadable(_logger, id, e.Message);
        }
        _unreadable.Add(id);
        return null;
    }

    [LoggerMessage(LogLevel.Information, "Catalogue at revision {Revision}: {Active} active targets, {Unreadable} unreadable")]
    private static partial void LogRefreshed(ILogger logger, long revision, int active, int unreadable);

    [LoggerMessage(LogLevel.Error, "Target {TargetId} is not probed, its definition can't be read: {Reason}")]
    private static partial void LogUnreadable(ILogger logger, long targetId, string reason);
}
