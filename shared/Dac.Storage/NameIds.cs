using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;

namespace Dac.Storage;

/// <summary>
/// Ids of locations and collectors by name, made where they are not there yet. Cached: names are few, and an id never changes.
/// </summary>
public sealed class NameIds(IDbContextFactory<DacDbContext> contexts, WriteGate gate)
{
    // Every pod that ever reported is a name; at 100 bytes each this is under a megabyte.
    private const int Limit = 10_000;

    private readonly ConcurrentDictionary<string, short> _locations = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, short[]> _sets = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int> _collectors = new(StringComparer.Ordinal);

    /// <summary>Id of a location.</summary>
    public async ValueTask<short> LocationAsync(string name, CancellationToken cancellationToken) =>
        await FindAsync(_locations, name, db => db.Locations.Where(l => l.Name == name).Select(l => (short?)l.Id), db =>
            db.Database.ExecuteSqlAsync($"INSERT INTO location (name) VALUES ({name}) ON CONFLICT DO NOTHING", cancellationToken), cancellationToken);

    /// <summary>Ids of several locations. Not to be changed: whoever asks for the same names gets the same array, since a million targets do.</summary>
    public async ValueTask<short[]> LocationsAsync(IReadOnlyList<string> names, CancellationToken cancellationToken)
    {
        var key = string.Join(';', names);
        if (_sets.TryGetValue(key, out var known))
            return known;
        var ids = new short[names.Count];
        for (var i = 0; i < ids.Length; i++)
            ids[i] = await LocationAsync(names[i], cancellationToken);
        if (_sets.Count >= Limit)
            _sets.Clear();
        return _sets.GetOrAdd(key, ids);
    }

    /// <summary>Id of a collector.</summary>
    public async ValueTask<int> CollectorAsync(string name, CancellationToken cancellationToken) =>
        await FindAsync(_collectors, name, db => db.Collectors.Where(c => c.Name == name).Select(c => (int?)c.Id), db =>
            db.Database.ExecuteSqlAsync($"INSERT INTO collector (name) VALUES ({name}) ON CONFLICT DO NOTHING", cancellationToken), cancellationToken);

    private async ValueTask<T> FindAsync<T>(
        ConcurrentDictionary<string, T> cache, string name, Func<DacDbContext, IQueryable<T?>> query, Func<DacDbContext, Task<int>> insert, CancellationToken cancellationToken)
        where T : struct
    {
        if (cache.TryGetValue(name, out var id))
            return id;
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        if (await query(db).FirstOrDefaultAsync(cancellationToken) is not { } found)
        {
            using (await gate.EnterAsync())
                await insert(db);
            found = (await query(db).FirstAsync(cancellationToken))!.Value;
        }
        if (cache.Count >= Limit)
            cache.Clear();
        return cache[name] = found;
    }
}
