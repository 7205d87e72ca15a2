using System.Collections.Concurrent;
using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>Connections that targets asked to be kept (<c>reuseConnection</c>), so many at most: one for each target, out of here while a probe uses it.</summary>
internal sealed class HttpConnections(int limit) : IDisposable
{
    private readonly ConcurrentDictionary<long, HttpExchange> _kept = new();

    // The dictionary's own count locks all of it.
    private int _count;

    /// <summary>The one that was kept for this target, where it is still what the target wants.</summary>
    public HttpExchange? Take(ProbeUrl probe)
    {
        if (probe.Http?.ReuseConnection != true || !_kept.TryRemove(probe.TargetId, out var kept))
            return null;
        Interlocked.Decrement(ref _count);
        if (kept.Fits(probe))
            return kept;
        kept.Dispose();
        return null;
    }

    /// <summary>Keeps it for the target's next probe.</summary>
    public void Keep(ProbeUrl probe, HttpExchange exchange)
    {
        if (Interlocked.Increment(ref _count) <= limit && _kept.TryAdd(probe.TargetId, exchange))
            return;
        Interlocked.Decrement(ref _count);
        exchange.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var exchange in _kept.Values)
            exchange.Dispose();
    }
}
