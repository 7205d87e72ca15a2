using System.Collections.Concurrent;

namespace Dac.Faults.Cluster;

/// <summary>Memory of one kind of process, in MB.</summary>
/// <param name="Level">Median while nothing had gone wrong yet.</param>
/// <param name="Peak">The most that one process had.</param>
/// <param name="End">The most that one process had in the end.</param>
public sealed record Memory(double Level, double Peak, double End);

/// <summary>Looks every second whether all processes live, and what they take; every five, what they and the broker count.</summary>
public sealed class ClusterWatch(FaultCluster cluster) : IAsyncDisposable
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<(string Service, string Name, double Mb, TimeSpan At)> _memory = new();
    private readonly Dictionary<string, double> _duplicates = [];
    private readonly long _start = TimeProvider.System.GetTimestamp();
    private TimeSpan? _calmUntil;
    private Task _watching = Task.CompletedTask;

    /// <summary>Results that writers dropped as duplicates, as far as they lived to tell.</summary>
    public long Duplicates => (long)_duplicates.Values.Sum();

    public void Start() => _watching = Task.Run(WatchAsync);

    /// <summary>From now on things go wrong: what was so far is the level.</summary>
    public void EndCalm() => _calmUntil = TimeProvider.System.GetElapsedTime(_start);

    /// <summary>By service, and the broker.</summary>
    public IReadOnlyDictionary<string, Memory> Memories() => _memory.GroupBy(m => m.Service).ToDictionary(g => g.Key, g =>
    {
        var level = g.Where(m => m.At <= (_calmUntil ?? TimeSpan.MaxValue)).Select(m => m.Mb).Order().ToList();
        var last = g.Max(m => m.At) - 5 * Every;
        return new Memory(level.Count > 0 ? level[level.Count / 2] : 0, g.Max(m => m.Mb), g.Where(m => m.At >= last).Max(m => m.Mb));
    });

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task WatchAsync()
    {
        for (var round = 0; !_stop.IsCancellationRequested; round++)
        {
            var at = TimeProvider.System.GetElapsedTime(_start);
            foreach (var replica in cluster.Replicas)
            {
                await replica.WatchAsync();
                if (replica.MemoryMb is { } mb)
                    _memory.Enqueue((replica.Service, replica.Name, mb, at));
            }
            if (round % 5 == 0)
                await CountAsync(at);
            await Task.Delay(Every, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task CountAsync(TimeSpan at)
    {
        foreach (var writer in cluster.Of("Writer"))
        {
            if (await writer.MetricAsync("dac_results_duplicate_total") is { } duplicates)
                _duplicates[$"{writer.Name}.{writer.Runs}"] = duplicates;
        }
        if (await cluster.ManagementAsync("nodes") is { } nodes && nodes.EnumerateArray().Select(n => n.TryGetProperty("mem_used", out var used) ? used.GetDouble() : 0).FirstOrDefault() is > 0 and var bytes)
            _memory.Enqueue(("RabbitMQ", "rabbitmq", bytes / 1e6, at));
    }
}
