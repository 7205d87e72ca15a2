using System.Collections.Concurrent;
using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>Connections that targets asked to be kept (<c>reuseConnection</c>): one for each, out of here while a probe uses it.</summary>
internal sealed class HttpConnections : IDisposable
{
    // A client and a socket each, some 50 kB.
    private const int Limit = 2_000;

    private readonly ConcurrentDictionary<long, HttpExchange> _kept = new();

    /// <summary>The one that was kept for this target, where it is still what the target wants.</summary>
    public HttpExchange? Take(ProbeUrl probe)
    {
        if (probe.Http?.ReuseConnection != true || !_kept.TryRemove(probe.TargetId, out var kept))
            return null;
        if (kept.Fits(probe))
            return kept;
        kept.Dispose();
        return null;
    }

    /// <summary>Keeps it for the target's next probe.</summary>
    public void Keep(ProbeUrl probe, HttpExchange exchange)
    {
        if (_kept.Count >= Limit || !_kept.TryAdd(probe.TargetId, exchange))
            exchange.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var exchange in _kept.Values)
            exchange.Dispose();
    }
}
