using Dac.Contracts;

namespace Dac.Storage.Model;

/// <summary>What became of a slot: exactly one row for each. Phases in microseconds, as in <see cref="Dac.Contracts.ProbeResult"/>.</summary>
public sealed class StoredResult
{
    public long TargetId { get; set; }

    public short LocationId { get; set; }

    public DateTimeOffset ScheduledAt { get; set; }

    public Outcome Outcome { get; set; }

    /// <summary>Actual less planned start, in microseconds.</summary>
    public int? LatenessUs { get; set; }

    public short? StatusCode { get; set; }

    public int? ResolveUs { get; set; }

    public int? ConnectUs { get; set; }

    public int? TlsUs { get; set; }

    public int? RequestUs { get; set; }

    public int? FirstByteUs { get; set; }

    public int? TransferUs { get; set; }

    public int? TotalUs { get; set; }

    public int? Bytes { get; set; }

    public DateTimeOffset? TlsExpiresAt { get; set; }

    public string? Match { get; set; }

    public string? Error { get; set; }

    public int? CollectorId { get; set; }

    public ProbeRemarks Flags { get; set; }
}

/// <summary>The last executed slot of a target at a location, and since when it is in that state.</summary>
public sealed class TargetState
{
    public long TargetId { get; set; }

    public short LocationId { get; set; }

    public TargetHealth Health { get; set; }

    /// <summary>Scheduled time of the first slot of this state.</summary>
    public DateTimeOffset Since { get; set; }

    public DateTimeOffset ScheduledAt { get; set; }

    public Outcome Outcome { get; set; }

    public short? StatusCode { get; set; }

    public int? TotalUs { get; set; }

    public string? Error { get; set; }
}

/// <summary>A target went from one state to another; written with the results that show it, to be published from here.</summary>
public sealed class StateChange
{
    public long TargetId { get; set; }

    public short LocationId { get; set; }

    public DateTimeOffset ScheduledAt { get; set; }

    /// <summary>Null: its first result.</summary>
    public TargetHealth? FromHealth { get; set; }

    public TargetHealth ToHealth { get; set; }

    public Outcome Outcome { get; set; }

    public DateTimeOffset? PublishedAt { get; set; }
}

/// <summary>A result that the database refused, kept with the reason.</summary>
public sealed class ParkedResult
{
    public long Id { get; set; }

    public DateTimeOffset ParkedAt { get; set; }

    public required string Reason { get; set; }

    /// <summary>The location, the collector and the result, as JSON.</summary>
    public required string Payload { get; set; }
}
