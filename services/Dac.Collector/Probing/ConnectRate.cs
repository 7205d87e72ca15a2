using Microsoft.Extensions.Options;

namespace Dac.Collector.Probing;

/// <summary>
/// Connections per second to one host and port (GCRA, a second's worth at once). Hosts share 65,536 clocks by their hash, so that it takes 512 kB however
/// many there are; two of 1,000 hosts share one with a chance of 1.5 %, and then its rate.
/// </summary>
public sealed class ConnectRate(IOptions<CollectorOptions> options, TimeProvider time)
{
    private readonly long[] _clocks = new long[1 << 16];
    private readonly long _step = time.TimestampFrequency / options.Value.MaxConnectsPerSecond;

    /// <summary>Takes the next turn of a URL's host, and returns how long it is until then.</summary>
    /// <param name="url">The URL.</param>
    /// <param name="patience">Where its turn is further away, none is taken.</param>
    public TimeSpan? Next(string url, TimeSpan patience)
    {
        ref var clock = ref _clocks[(uint)string.GetHashCode(Authority(url), StringComparison.OrdinalIgnoreCase) % (uint)_clocks.Length];
        while (true)
        {
            var now = time.GetTimestamp();
            var seen = Volatile.Read(ref clock);
            var turn = Math.Max(seen, now - time.TimestampFrequency) + _step;
            var wait = turn > now ? time.GetElapsedTime(now, turn) : TimeSpan.Zero;
            if (wait > patience)
                return null;
            if (Interlocked.CompareExchange(ref clock, turn, seen) == seen)
                return wait;
        }
    }

    private static ReadOnlySpan<char> Authority(string url)
    {
        var start = url.IndexOf("://", StringComparison.Ordinal);
        var rest = start < 0 ? url.AsSpan() : url.AsSpan(start + 3);
        var end = rest.IndexOfAny('/', '?', '#');
        return end < 0 ? rest : rest[..end];
    }
}
