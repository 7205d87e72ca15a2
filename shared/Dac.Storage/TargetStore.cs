using System.Data;
using System.Text.Json;
using Dac.Storage.Model;
using Dac.Targets;
using Microsoft.EntityFrameworkCore;

namespace Dac.Storage;

/// <summary>What a save has changed.</summary>
public sealed record SaveSummary(int Added, int Changed, int Unchanged);

/// <summary>
/// Changes of the catalogue. Each takes the next revision under the lock of the topology's row and keeps it until it is committed, so that
/// revisions become visible in order and no scheduler passes over a change that is committed late; each closes and opens a
/// <see cref="TargetVersion"/>.
/// </summary>
public sealed class TargetStore(IDbContextFactory<DacDbContext> contexts, NameIds names, WriteGate gate, TimeProvider time)
{
    /// <summary>A change that takes no longer is dated to its beginning.</summary>
    private static readonly TimeSpan Instant = TimeSpan.FromSeconds(1);

    // One round trip for so many keys, and a change tracker that stays small.
    private const int Slice = 1_000;

    /// <summary>Adds or changes targets by key, all or nothing. A deleted key comes back under its old id.</summary>
    /// <param name="targets">Definitions that have passed <see cref="TargetValidator"/>, with distinct keys.</param>
    /// <param name="progress">Told the number of targets done.</param>
    /// <param name="cancellationToken">Undoes all.</param>
    public async Task<SaveSummary> SaveAsync(
        IReadOnlyList<TargetDefinition> targets, IProgress<int>? progress = null, CancellationToken cancellationToken = default)
    {
        var valid = targets.Select(Check).ToList();
        foreach (var location in valid.SelectMany(t => t.Locations).Distinct())
            await names.LocationAsync(location, cancellationToken);
        return await ChangeAsync(async (db, change) =>
        {
            var (added, changed) = (0, 0);
            for (var from = 0; from < targets.Count; from += Slice)
            {
                var keys = valid.Skip(from).Take(Slice).Select(t => t.Key).ToList();
                var there = await db.Targets.Where(t => keys.Contains(t.Key)).ToDictionaryAsync(t => t.Key, cancellationToken);
                for (var i = from; i < from + keys.Count; i++)
                {
                    if (!there.TryGetValue(valid[i].Key, out var target))
                    {
                        db.Add(Fill(new Target { Key = valid[i].Key, Url = "", Spec = "" }, targets[i], valid[i], change));
                        added++;
                    }
                    else if (target.DeletedAt is not null || !Same(target.Spec, targets[i]))
                    {
                        Fill(target, targets[i], valid[i], change);
                        changed++;
                    }
                }
                await SaveSliceAsync(db, change, cancellationToken);
                progress?.Report(from + keys.Count);
            }
            return new SaveSummary(added, changed, targets.Count - added - changed);
        }, cancellationToken);
    }

    /// <summary>Whether there is or ever was a target: one that is deleted counts.</summary>
    public async Task<bool> AnyAsync(CancellationToken cancellationToken)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        return await db.Targets.AnyAsync(cancellationToken);
    }

    /// <summary>Changes one target, its key included; false where there is none with this id, or it is deleted.</summary>
    /// <exception cref="KeyTakenException">Another target has the key.</exception>
    public async Task<bool> ReplaceAsync(long id, TargetDefinition definition, CancellationToken cancellationToken)
    {
        var valid = Check(definition);
        foreach (var location in valid.Locations)
            await names.LocationAsync(location, cancellationToken);
        return await ChangeAsync(async (db, change) =>
        {
            if (await db.Targets.SingleOrDefaultAsync(t => t.Id == id && t.DeletedAt == null, cancellationToken) is not { } target)
                return false;
            if (await db.Targets.SingleOrDefaultAsync(t => t.Key == valid.Key && t.Id != id, cancellationToken) is { } other)
            {
                if (other.DeletedAt is null)
                    throw new KeyTakenException(valid.Key);
                // A deleted target gives its key away.
                other.Key = $"{other.Key} (deleted {other.Id})";
                await db.SaveChangesAsync(cancellationToken);
            }
            if (!Same(target.Spec, definition) || target.Key != valid.Key)
                Fill(target, definition, valid, change);
            await SaveSliceAsync(db, change, cancellationToken);
            return true;
        }, cancellationToken);
    }

    /// <summary>Adds one target and returns its id.</summary>
    /// <exception cref="KeyTakenException">There is a target with this key already.</exception>
    public async Task<long> AddAsync(TargetDefinition definition, CancellationToken cancellationToken)
    {
        var valid = Check(definition);
        foreach (var location in valid.Locations)
            await names.LocationAsync(location, cancellationToken);
        return await ChangeAsync(async (db, change) =>
        {
            var target = await db.Targets.SingleOrDefaultAsync(t => t.Key == valid.Key, cancellationToken);
            if (target is { DeletedAt: null })
                throw new KeyTakenException(valid.Key);
            if (target is null)
                db.Add(target = new Target { Key = valid.Key, Url = "", Spec = "" });
            Fill(target, definition, valid, change);
            await SaveSliceAsync(db, change, cancellationToken);
            return target.Id;
        }, cancellationToken);
    }

    /// <summary>Deletes a target; its results stay until retention drops them. False where there is none.</summary>
    public async Task<bool> DeleteAsync(long id, CancellationToken cancellationToken) =>
        await ChangeAsync(async (db, change) =>
        {
            if (await db.Targets.SingleOrDefaultAsync(t => t.Id == id && t.DeletedAt == null, cancellationToken) is not { } target)
                return false;
            (target.DeletedAt, target.UpdatedAt, target.Revision) = (change.At, change.At, change.Revision);
            await db.TargetVersions.Where(v => v.TargetId == id && v.ValidTo == null)
                .ExecuteUpdateAsync(s => s.SetProperty(v => v.ValidTo, change.At).SetProperty(v => v.RevisionTo, change.Revision), cancellationToken);
            await db.SaveChangesAsync(cancellationToken);
            return true;
        }, cancellationToken);

    /// <summary>Reads a stored definition back.</summary>
    /// <exception cref="JsonException">It is not one.</exception>
    public static TargetDefinition ReadSpec(string spec) =>
        JsonSerializer.Deserialize(spec, StoredTargetJson.Default.TargetDefinition) ?? throw new JsonException("The definition is null.");

    /// <summary>Reads a stored definition back; where it can't be read, one with the URL alone.</summary>
    public static TargetDefinition ReadSpecOrUrl(string spec, string url)
    {
        try
        {
            return ReadSpec(spec);
        }
        catch (JsonException)
        {
            return new TargetDefinition { Url = url };
        }
    }

    private static ProbeTarget Check(TargetDefinition definition)
    {
        var (target, errors) = TargetValidator.Validate(definition);
        return target ?? throw new ArgumentException(string.Join("; ", errors), nameof(definition));
    }

    private static bool Same(string spec, TargetDefinition definition)
    {
        try
        {
            return JsonSerializer.Serialize(ReadSpec(spec), TargetJson.Default.TargetDefinition) == JsonSerializer.Serialize(definition, TargetJson.Default.TargetDefinition);
        }
        catch (JsonException)
        {
            // What can't be read is mended by being written.
            return false;
        }
    }

    private static Target Fill(Target target, TargetDefinition definition, ProbeTarget valid, Change change)
    {
        (target.Key, target.Url, target.Spec) = (valid.Key, valid.Url, JsonSerializer.Serialize(definition, TargetJson.Default.TargetDefinition));
        (target.Partition, target.Revision) = (Partitioning.Of(valid.Host, change.Partitions), change.Revision);
        (target.UpdatedAt, target.DeletedAt) = (change.At, null);
        change.Targets.Add(target);
        return target;
    }

    private static async Task SaveSliceAsync(DacDbContext db, Change change, CancellationToken cancellationToken)
    {
        await db.SaveChangesAsync(cancellationToken);
        var ids = change.Targets.Select(t => t.Id).ToList();
        await db.TargetVersions.Where(v => ids.Contains(v.TargetId) && v.ValidTo == null)
            .ExecuteUpdateAsync(s => s.SetProperty(v => v.ValidTo, change.At).SetProperty(v => v.RevisionTo, change.Revision), cancellationToken);
        db.AddRange(change.Targets.Select(t => new TargetVersion
        {
            TargetId = t.Id,
            Revision = t.Revision,
            Spec = t.Spec,
            Partition = t.Partition,
            ValidFrom = change.At,
        }));
        await db.SaveChangesAsync(cancellationToken);
        change.Targets.Clear();
        db.ChangeTracker.Clear();
    }

    private async Task<T> ChangeAsync<T>(Func<DacDbContext, Change, Task<T>> change, CancellationToken cancellationToken)
    {
        using var turn = await gate.EnterAsync();
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        await using var transaction = await db.Database.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken);
        await db.Topology.ExecuteUpdateAsync(s => s.SetProperty(t => t.Revision, t => t.Revision + 1), cancellationToken);
        var topology = await db.Topology.AsNoTracking().SingleAsync(cancellationToken);
        var at = await NowAsync(db, cancellationToken);
        var result = await change(db, new Change(topology.Revision, topology.Partitions, at));
        await DateAsync(db, topology.Revision, at, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return result;
    }

    // What took its time holds from its end on: nobody could plan by it before.
    private async Task DateAsync(DacDbContext db, long revision, DateTimeOffset at, CancellationToken cancellationToken)
    {
        var now = await NowAsync(db, cancellationToken);
        if (now - at <= Instant)
            return;
        await db.TargetVersions.Where(v => v.RevisionTo == revision).ExecuteUpdateAsync(s => s.SetProperty(v => v.ValidTo, now), cancellationToken);
        await db.TargetVersions.Where(v => v.Revision == revision).ExecuteUpdateAsync(s => s.SetProperty(v => v.ValidFrom, now), cancellationToken);
    }

    // The ledger compares versions with the plan, which goes by the database's clock.
    private async Task<DateTimeOffset> NowAsync(DacDbContext db, CancellationToken cancellationToken) =>
        db is PostgresDbContext
            ? (await db.Database.SqlQuery<DateTimeOffset>($"SELECT date_trunc('milliseconds', clock_timestamp()) AS \"Value\"").ToListAsync(cancellationToken))[0]
            : time.GetUtcNow();

    private sealed record Change(long Revision, int Partitions, DateTimeOffset At)
    {
        public List<Target> Targets { get; } = [];
    }
}

/// <summary>Another target has this key.</summary>
public sealed class KeyTakenException(string key) : Exception($"key '{key}': another target has it; choose another, or change that one");
