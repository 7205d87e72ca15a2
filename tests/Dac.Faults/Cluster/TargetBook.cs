using Dac.Faults.Proof;
using Dac.Storage;
using Dac.Targets;
using Microsoft.EntityFrameworkCore;

namespace Dac.Faults.Cluster;

/// <summary>
/// The suite's targets: adds, changes, pauses and deletes them, and keeps its own record of what it asked for, and when. One change at a time. The oracle goes by this record and not
/// by the services' <c>target_version</c>.
/// </summary>
public sealed class TargetBook(FaultCluster cluster, int seed)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private static readonly Behaviour[] Behaviours =
        [.. Enumerable.Repeat(Behaviour.Healthy, 16), Behaviour.Slow, Behaviour.Fails, Behaviour.Fails, Behaviour.Hangs, Behaviour.Refuses];

    private readonly Random _random = new(seed);
    private readonly Dictionary<string, Kept> _kept = [];
    private int _next;

    /// <summary>Changes made, by kind.</summary>
    public SortedDictionary<string, int> Changes { get; } = new(StringComparer.Ordinal);

    /// <summary>Every target and what it has been.</summary>
    public IReadOnlyList<TargetLife> Lives => [.. _kept.Values.Select(k => new TargetLife(k.Id, k.Definition.Key!, k.Behaviour, [.. k.Spans]))];

    /// <summary>The id of a key.</summary>
    public long? Id(string key) => _kept.TryGetValue(key, out var kept) ? kept.Id : null;

    /// <summary>Adds targets of 1 to 5 s, one in a hundred by cron; or, with a rate, all of the interval that makes it.</summary>
    public Task AddAsync(int count, int? intervalSeconds = null) => SaveAsync([.. Enumerable.Range(0, count).Select(_ => Make(intervalSeconds))]);

    /// <summary>One random change: a new target, another interval, another host, a pause or its end, a deletion, or a deleted one back again.</summary>
    public async Task ChangeAsync()
    {
        var kept = _kept.Values.ElementAt(_random.Next(_kept.Count));
        switch (_random.Next(10))
        {
            case 0 or 1:
                Count("added");
                await SaveAsync([Make(null)]);
                break;
            case 2 or 3 when !kept.Deleted:
                Count("deleted");
                await DeleteAsync(kept);
                break;
            case 4 when !kept.Deleted:
                Count(kept.Definition.Paused ? "resumed" : "paused");
                kept.Definition = kept.Definition with { Paused = !kept.Definition.Paused };
                await SaveAsync([kept]);
                break;
            case 5 when !kept.Deleted:
                Count("moved");
                kept.Definition = kept.Definition with { Url = Url(kept.Behaviour, kept.Definition.Key!) };
                await SaveAsync([kept]);
                break;
            default:
                Count(kept.Deleted ? "back again" : "interval changed");
                kept.Definition = Timed(kept.Definition, kept.Behaviour, null);
                await SaveAsync([kept]);
                break;
        }
    }

    private Kept Make(int? intervalSeconds)
    {
        var key = $"t{_next++}";
        var behaviour = Behaviours[_random.Next(Behaviours.Length)];
        var definition = new TargetDefinition { Key = key, Url = Url(behaviour, key), Regex = behaviour == Behaviour.Healthy && _random.Next(2) == 0 ? "status: (\\w+)" : null };
        return new Kept(Timed(definition, behaviour, intervalSeconds), behaviour);
    }

    private string Url(Behaviour behaviour, string key) => cluster.Server.Url(behaviour, _random.Next(TargetServer.Hosts), key);

    // Healthy targets have all the time of their interval: what is down by a busy machine is not worth a violation.
    private TargetDefinition Timed(TargetDefinition definition, Behaviour behaviour, int? intervalSeconds)
    {
        if (intervalSeconds is null && _random.Next(100) == 0)
            return definition with { Cron = "0/3 * * * * ?", Interval = null, Timeout = behaviour == Behaviour.Hangs ? "800ms" : "3s" };
        var seconds = intervalSeconds ?? _random.Next(1, 6);
        return definition with { Cron = null, Interval = $"{seconds}s", Timeout = behaviour == Behaviour.Hangs ? "800ms" : $"{seconds}s" };
    }

    private async Task SaveAsync(List<Kept> kept)
    {
        var store = cluster.Storage.GetRequiredService<TargetStore>();
        var before = Clock.NowMs;
        await RepeatAsync(() => store.SaveAsync(kept.ConvertAll(k => k.Definition)));
        var after = Clock.NowMs + 1;
        var keys = kept.ConvertAll(k => k.Definition.Key!);
        var ids = await RepeatAsync(async () =>
        {
            await using var db = await cluster.OpenAsync();
            return await db.Targets.Where(t => keys.Contains(t.Key)).ToDictionaryAsync(t => t.Key, t => (t.Id, t.Partition));
        });
        foreach (var one in kept)
        {
            var key = one.Definition.Key!;
            (one.Id, one.Deleted) = (ids[key].Id, false);
            var target = TargetValidator.Validate(one.Definition).Target!;
            one.Spans.Add(new TargetSpan(before, after, ids[key].Partition, target.Paused ? null : target));
            _kept[key] = one;
        }
    }

    private async Task DeleteAsync(Kept kept)
    {
        var before = Clock.NowMs;
        await RepeatAsync(() => cluster.Storage.GetRequiredService<TargetStore>().DeleteAsync(kept.Id, CancellationToken.None));
        kept.Deleted = true;
        kept.Spans.Add(new TargetSpan(before, Clock.NowMs + 1, kept.Spans[^1].Partition, null));
    }

    // The database may be down: what was asked for is asked for again, and took effect at some moment in between.
    private static async Task<T> RepeatAsync<T>(Func<Task<T>> change)
    {
        for (var until = Clock.NowMs + Patience.TotalMilliseconds; ;)
        {
            try
            {
                return await change();
            }
            catch (Exception e) when ((e is TimeoutException || e.IsDatabaseFault()) && Clock.NowMs < until)
            {
                await Task.Delay(500);
            }
        }
    }

    private void Count(string change) => Changes[change] = Changes.GetValueOrDefault(change) + 1;

    private sealed class Kept(TargetDefinition definition, Behaviour behaviour)
    {
        public TargetDefinition Definition { get; set; } = definition;

        public Behaviour Behaviour { get; } = behaviour;

        public long Id { get; set; }

        public bool Deleted { get; set; }

        public List<TargetSpan> Spans { get; } = [];
    }
}
