using System.Collections.Concurrent;
using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>Connections that targets asked to be kept (<c>reuseConnection</c>), so many at most: one for each target, out of here while a probe uses it.</summary>
internal sealed class HttpConnections(int limit, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan SweepEach = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<long, (HttpExchange Exchange, long Since)> _kept = new();

    // The dictionary's own count locks all of it.
    private int _count;
    private long _swept = time.GetTimestamp();

    /// <summary>The one that was kept for this target, where it is still what the target wants.</summary>
    public HttpExchange? Take(ProbeUrl probe)
    {
        if (probe.Http?.ReuseConnection != true || !_kept.TryRemove(probe.TargetId, out var kept))
            return null;
        Interlocked.Decrement(ref _count);
        if (kept.Exchange.Fits(probe))
            return kept.Exchange;
        kept.Exchange.Dispose();
        return null;
    }

    /// <summary>Keeps it for the target's next probe.</summary>
    public void Keep(ProbeUrl probe, HttpExchange exchange)
    {
        var now = time.GetTimestamp();
        Sweep(now);
        exchange.Rest();
        if (Interlocked.Increment(ref _count) <= limit && _kept.TryAdd(probe.TargetId, (exchange, now)))
            return;
        Interlocked.Decrement(ref _count);
        exchange.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (exchange, _) in _kept.Values)
            exchange.Dispose();
    }

    // Targets that are deleted, or probed elsewhere by now, leave theirs behind.
    private void Sweep(long now)
    {
        var swept = Volatile.Read(ref _swept);
        if (time.GetElapsedTime(swept, now) < SweepEach || Interlocked.CompareExchange(ref _swept, now, swept) != swept)
            return;
        foreach (var kept in _kept)
        {
            if (time.GetElapsedTime(kept.Value.Since, now) < HttpExchange.MaxIdle || !_kept.TryRemove(kept))
                continue;
            Interlocked.Decrement(ref _count);
            kept.Value.Exchange.Dispose();
        }
    }
}
