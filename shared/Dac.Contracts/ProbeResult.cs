using System.Text.Json.Serialization;

namespace Dac.Contracts;

/// <summary>Event: what became of one slot. Travels in a <see cref="ProbeResultBatch"/>.</summary>
/// <remarks>Phases are in microseconds and add up over redirects; null means that the probe did not get there.</remarks>
public sealed record ProbeResult
{
    /// <summary>The target's id in the database.</summary>
    public required long TargetId { get; init; }

    /// <summary>The planned start, in Unix milliseconds (UTC).</summary>
    public required long ScheduledAtMs { get; init; }

    /// <summary>What became of it.</summary>
    public required Outcome Outcome { get; init; }

    /// <summary>Actual less planned start, in microseconds; null where nothing was started.</summary>
    public int? LatenessUs { get; init; }

    /// <summary>The protocol's status, for HTTP 100 to 599.</summary>
    public short? StatusCode { get; init; }

    /// <summary>Name to address.</summary>
    public int? ResolveUs { get; init; }

    /// <summary>TCP connect.</summary>
    public int? ConnectUs { get; init; }

    /// <summary>TLS handshake, certificate check included.</summary>
    public int? TlsUs { get; init; }

    /// <summary>Sending the request.</summary>
    public int? RequestUs { get; init; }

    /// <summary>From the request's last byte sent to the answer's first byte received.</summary>
    public int? FirstByteUs { get; init; }

    /// <summary>From the first byte to the last.</summary>
    public int? TransferUs { get; init; }

    /// <summary>From the start to the outcome.</summary>
    public int? TotalUs { get; init; }

    /// <summary>Bytes of the body, after decompression, as far as it was read.</summary>
    public int? Bytes { get; init; }

    /// <summary>When the server's certificate expires, in Unix milliseconds.</summary>
    public long? TlsExpiresAtMs { get; init; }

    /// <summary>What the regex matched, several matches joined by a space; 4,096 characters at most.</summary>
    public string? Match { get; init; }

    /// <summary>Why the outcome is not Up, in a sentence; 500 characters at most.</summary>
    public string? Error { get; init; }

    /// <summary>What else is to be known of this measurement.</summary>
    public ProbeRemarks Flags { get; init; }

    /// <summary>W3C trace context of the probe, on sampled slots only.</summary>
    public string? TraceParent { get; init; }
}

/// <summary>Remarks on a measurement; a bit set, stored as a number.</summary>
[Flags]
public enum ProbeRemarks : short
{
    /// <summary>Nothing to remark.</summary>
    None = 0,

    /// <summary>Started more than 50 ms after its planned time.</summary>
    Late = 1,

    /// <summary>The collector was at its limit of concurrent probes: its timings are not to be trusted.</summary>
    Saturated = 2,

    /// <summary>Match or error was cut to its limit.</summary>
    Truncated = 4,

    /// <summary>The collector's clock was more than 100 ms off the database's: lateness is as wrong as the clock.</summary>
    ClockOff = 8,
}

/// <summary>Envelope: results of one collector, batched by count and by time.</summary>
public sealed record ProbeResultBatch
{
    /// <summary>Where they were probed from.</summary>
    public required string Location { get; init; }

    /// <summary>Name of the collector, as in its log.</summary>
    public required string Collector { get; init; }

    /// <summary>The collector's clock less the database's, in ms; null where it was not measured.</summary>
    public int? ClockOffsetMs { get; init; }

    /// <summary>The results, in no particular order. Of a batch that was received each is read anew when it is asked for: see <see cref="PackedList{T}"/>.</summary>
    [JsonConverter(typeof(PackedList<ProbeResult>.Converter))]
    public required IReadOnlyList<ProbeResult> Results { get; init; }
}
