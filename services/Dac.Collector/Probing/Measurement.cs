using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>The phases of a probe; one begins where the one before ends.</summary>
public enum Phase
{
    /// <summary>Name to address.</summary>
    Resolve,

    /// <summary>TCP connect.</summary>
    Connect,

    /// <summary>TLS handshake.</summary>
    Tls,

    /// <summary>Sending the request.</summary>
    Request,

    /// <summary>Waiting for the first byte of the answer.</summary>
    FirstByte,

    /// <summary>From the first byte to the last.</summary>
    Transfer,
}

/// <summary>
/// What a prober sees, written down as it goes: like a stopwatch with laps, so that the phases add up over redirects, and to the total.
/// </summary>
public sealed class Measurement(TimeProvider time)
{
    /// <summary>Longest text of matches that is kept.</summary>
    public const int MaxMatch = 4_096;

    internal const int MaxError = 500;

    private readonly long _started = time.GetTimestamp();
    private readonly int?[] _phasesUs = new int?[6];
    private long _lap = time.GetTimestamp();
    private Outcome? _outcome;
    private string? _error;
    private string? _degraded;

    public short? StatusCode { get; set; }

    public int? Bytes { get; set; }

    public DateTimeOffset? TlsExpiresAt { get; set; }

    /// <summary>What the regex matched.</summary>
    public string? Match { get; set; }

    /// <summary>Whether the resolver is being waited for.</summary>
    public bool Resolving { get; set; }

    /// <summary>Whether the collector itself held the probe up, so that its timings are not to be trusted.</summary>
    public bool Saturated { get; set; }

    /// <summary>What else was seen; null where nobody looks at it.</summary>
    public ProbeDetails? Details { get; init; }

    /// <summary>Time since the start.</summary>
    public TimeSpan Elapsed => time.GetElapsedTime(_started);

    /// <summary>The wall clock.</summary>
    public DateTimeOffset Now => time.GetUtcNow();

    /// <summary>The time since the lap before belongs to no phase.</summary>
    public void Begin() => _lap = time.GetTimestamp();

    /// <summary>The time since the lap before belongs to this phase.</summary>
    public void Lap(Phase phase)
    {
        var now = time.GetTimestamp();
        _phasesUs[(int)phase] = (_phasesUs[(int)phase] ?? 0) + Us(_lap, now);
        _lap = now;
    }

    /// <summary>Says why it is not up. The first reason counts: what follows is its consequence.</summary>
    public void Fail(Outcome outcome, string error)
    {
        if (_outcome is null)
            (_outcome, _error) = (outcome, error);
    }

    /// <summary>Notes an assertion where somebody looks at them, and passes on whether it holds.</summary>
    public bool Assert(string asked, bool holds, string? seen)
    {
        Details?.Note(asked, holds, seen);
        return holds;
    }

    /// <summary>Says why it is not as well as asked; what fails counts for more.</summary>
    public void Degrade(string reason) => _degraded ??= reason;

    /// <summary>The result; up where nothing failed.</summary>
    public ProbeResult ToResult(ProbeUrl probe, int latenessUs, ProbeRemarks flags)
    {
        var totalUs = Us(_started, time.GetTimestamp());
        if (_outcome is null && totalUs > probe.LatencyLimitMs * 1_000L)
            Degrade($"took {totalUs / 1_000} ms, the limit is {probe.LatencyLimitMs} ms");
        if (_outcome is null && _degraded is not null)
            Fail(Outcome.Degraded, _degraded);
        if (Saturated)
            flags |= ProbeRemarks.Saturated;
        var match = Text.Storable(Match, MaxMatch, ref flags);
        var error = Text.Storable(_error, MaxError, ref flags);
        return new ProbeResult
        {
            TargetId = probe.TargetId,
            ScheduledAtMs = probe.ScheduledAtMs,
            Outcome = _outcome ?? Outcome.Up,
            LatenessUs = latenessUs,
            StatusCode = StatusCode,
            ResolveUs = _phasesUs[(int)Phase.Resolve],
            ConnectUs = _phasesUs[(int)Phase.Connect],
            TlsUs = _phasesUs[(int)Phase.Tls],
            RequestUs = _phasesUs[(int)Phase.Request],
            FirstByteUs = _phasesUs[(int)Phase.FirstByte],
            TransferUs = _phasesUs[(int)Phase.Transfer],
            TotalUs = totalUs,
            Bytes = Bytes,
            TlsExpiresAtMs = TlsExpiresAt?.ToUnixTimeMilliseconds(),
            Match = match,
            Error = error,
            Flags = flags,
        };
    }

    private int Us(long from, long to) => (int)Math.Min(time.GetElapsedTime(from, to).TotalMicroseconds, int.MaxValue);
}
