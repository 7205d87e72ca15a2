using Dac.Hosting;

namespace Dac.Collector;

/// <summary>
/// How far this host's clock is off the database's, by which the plan goes. Each batch says when it was sent; the least that one has taken within the last
/// minute is the offset, plus the way of a message, which is a millisecond or two.
/// </summary>
public sealed class ClockOffset
{
    /// <summary>From so many ms on a row is flagged.</summary>
    public const int FlagAfterMs = 100;

    private static readonly TimeSpan Half = TimeSpan.FromSeconds(30);

    /// <summary>What waited in the broker while this process started looks like a clock that is ahead, until others have come.</summary>
    private static readonly TimeSpan Doubt = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private long _begun;
    private long? _first;
    private long? _least;
    private long? _before;

    public ClockOffset(TimeProvider time)
    {
        (_time, _begun) = (time, time.GetTimestamp());
        Telemetry.Meter.CreateObservableGauge("dac.collector.clock_offset", () => (Ms ?? 0) / 1000.0, "s", "The collector's clock less the database's");
    }

    /// <summary>This clock less the database's, in ms; null before the first batch.</summary>
    public int? Ms
    {
        get
        {
            lock (_lock)
                return (_least < _before ? _least : _before ?? _least) is { } ms ? (int)Math.Clamp(ms, int.MinValue, int.MaxValue) : null;
        }
    }

    /// <summary>Whether rows are to be flagged.</summary>
    public bool IsOff => Ms is { } ms && (ms < -FlagAfterMs || (ms > FlagAfterMs && IsSettled));

    private bool IsSettled
    {
        get
        {
            lock (_lock)
                return _first is { } first && _time.GetElapsedTime(first) >= Doubt;
        }
    }

    /// <summary>A batch has come.</summary>
    /// <param name="sentAtMs">When it was sent by the database's clock, Unix ms.</param>
    public void Observe(long sentAtMs)
    {
        var taken = _time.GetUtcNow().ToUnixTimeMilliseconds() - sentAtMs;
        lock (_lock)
        {
            _first ??= _time.GetTimestamp();
            if (_time.GetElapsedTime(_begun) > Half)
                (_before, _least, _begun) = (_least, null, _time.GetTimestamp());
            _least = _least < taken ? _least : taken;
        }
    }
}
