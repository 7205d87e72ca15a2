using Dac.Contracts;
using Dac.Storage;
using Dac.Storage.Model;
using Dac.Targets;
using Microsoft.EntityFrameworkCore;

namespace Dac.Web.Page;

/// <summary>Reads what the page shows, for all who look at it at once: however many they are, the database is asked every 4 s at most.</summary>
internal sealed class LiveReader(IDbContextFactory<DacDbContext> contexts, LedgerReader ledger, TimeProvider time) : IDisposable
{
    /// <summary>Targets shown: more than anyone reads, and a page of about 300 KB.</summary>
    public const int MaxTargets = 500;

    private const int Bars = 30;

    private static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(4);

    private static readonly TimeSpan MaxLoad = TimeSpan.FromSeconds(60);

    private readonly SemaphoreSlim _turn = new(1);
    private LiveData? _data;
    private DateTimeOffset _loadedAt;

    public async Task<LiveData> ReadAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            var now = time.GetUtcNow();
            // Since it was loaded, which may itself take longer than that: those who waited take what the first one got.
            if (_data is { } data && now - _loadedAt < MaxAge && now >= _loadedAt)
                return data;
            // Not on the token of the visitor who came first: one who leaves early must not make the next begin anew.
            using var limit = new CancellationTokenSource(MaxLoad);
            _data = await LoadAsync(now, limit.Token);
            _loadedAt = time.GetUtcNow();
            return _data;
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();

    private async Task<LiveData> LoadAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        var figures = await ledger.ReadAsync(now.AddMinutes(-10), now, cancellationToken);
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        var active = db.Targets.AsNoTracking().Where(t => t.DeletedAt == null);
        var targets = await active
            .OrderByDescending(t => db.States.Where(s => s.TargetId == t.Id).Max(s => (TargetHealth?)s.Health) ?? 0).ThenBy(t => t.Id)
            .Take(MaxTargets).ToListAsync(cancellationToken);
        var ids = targets.Select(t => t.Id).ToList();
        var locations = await db.Locations.AsNoTracking().ToDictionaryAsync(l => l.Name, l => l.Id, cancellationToken);
        var states = await db.States.AsNoTracking().Where(s => ids.Contains(s.TargetId)).ToDictionaryAsync(s => (s.TargetId, s.LocationId), cancellationToken);
        var strips = await ReadStripsAsync(db, ids, now.AddDays(-1), cancellationToken);
        var rows =
            from target in targets
            let definition = TargetStore.ReadSpecOrUrl(target.Spec, target.Url)
            from location in definition.Locations is { Count: > 0 } named ? named.Distinct() : [TargetValidator.DefaultLocation]
            let key = (target.Id, locations.GetValueOrDefault(location))
            let state = states.GetValueOrDefault(key)
            select new LiveRow(
                target.Id, target.Key, target.Url, location, StateOf(definition, state, now),
                state is null ? null : new(state.Health, state.Since, state.ScheduledAt, state.StatusCode, state.TotalUs, state.Error), [.. strips[key]]);
        return new LiveData(now, figures, await active.CountAsync(cancellationToken), [.. rows.OrderBy(r => r.State)]);
    }

    // The last results of each target and location by the key's own order: an index lookup for each pair on either database.
    private static async Task<ILookup<(long, short), LiveBar>> ReadStripsAsync(DacDbContext db, List<long> ids, DateTimeOffset oldest, CancellationToken cancellationToken)
    {
        var rows = await (
            from target in db.Targets.Where(t => ids.Contains(t.Id))
            from location in db.Locations
            from result in db.Results.Where(r => r.TargetId == target.Id && r.LocationId == location.Id && r.ScheduledAt > oldest)
            where result.ScheduledAt >= (db.Results
                .Where(r => r.TargetId == target.Id && r.LocationId == location.Id && r.ScheduledAt > oldest)
                .OrderByDescending(r => r.ScheduledAt).Skip(Bars - 1).Select(r => (DateTimeOffset?)r.ScheduledAt).FirstOrDefault() ?? oldest)
            select new { result.TargetId, result.LocationId, result.ScheduledAt, result.Outcome, result.TotalUs }).ToListAsync(cancellationToken);
        return rows.OrderBy(r => r.ScheduledAt).ToLookup(r => (r.TargetId, r.LocationId), r => new LiveBar(r.Outcome, r.TotalUs));
    }

    private static LiveState StateOf(TargetDefinition definition, TargetState? state, DateTimeOffset now)
    {
        if (definition.Paused)
            return LiveState.Paused;
        if (state is null)
            return LiveState.Waiting;
        // What a probe, its batch and the writer may take on top: 60 s of timeout at most. A cron target's gaps can't be told from silence here.
        var grace = TimeSpan.FromSeconds(60);
        if (Duration.TryParse(definition.Interval, out var interval) && now - state.ScheduledAt > (3 * interval) + grace)
            return LiveState.Silent;
        return state.Health switch { TargetHealth.Up => LiveState.Up, TargetHealth.Degraded => LiveState.Degraded, _ => LiveState.Down };
    }
}
