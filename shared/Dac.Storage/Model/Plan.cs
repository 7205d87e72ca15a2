namespace Dac.Storage.Model;

/// <summary>
/// How far a partition is planned. Whoever moves <see cref="PlannedUntil"/> from the value it has read has won the seconds between:
/// this is the fence between schedulers. A second before it without a <see cref="PlanWindow"/> had nothing due.
/// </summary>
public sealed class PlanCursor
{
    public short Partition { get; set; }

    /// <summary>Null: never planned.</summary>
    public DateTimeOffset? PlannedUntil { get; set; }

    /// <summary>Revision of the catalogue that was planned from last.</summary>
    public long Revision { get; set; }

    /// <summary>Active targets of the partition in that catalogue.</summary>
    public int ActiveTargets { get; set; }

    /// <summary>The targets as they were do not explain the number of active ones.</summary>
    public bool Unexplained { get; set; }
}

/// <summary>The slots of one second of one partition, written before any of them is published.</summary>
public sealed class PlanWindow
{
    public short Partition { get; set; }

    public DateTimeOffset StartsAt { get; set; }

    /// <summary>Number of slots.</summary>
    public int Planned { get; set; }

    /// <summary>Order-free sum over the slots' keys (<see cref="SlotChecksum"/>).</summary>
    public long Checksum { get; set; }

    /// <summary>The slots, column by column: the proof, as long as the window is kept.</summary>
    public long[]? SlotTargets { get; set; }

    public short[]? SlotLocations { get; set; }

    /// <summary>Milliseconds from <see cref="StartsAt"/>.</summary>
    public short[]? SlotOffsetsMs { get; set; }

    /// <summary>Revision of the catalogue that it was planned from.</summary>
    public long Revision { get; set; }

    /// <summary>Active targets of the partition in that catalogue.</summary>
    public int ActiveTargets { get; set; }

    /// <summary>By the database's clock; null where the plan was made up afterwards, by the audit.</summary>
    public DateTimeOffset? PlannedAt { get; set; }

    /// <summary>The audit found that the targets as they were do not explain this plan, or that it was made from a catalogue older than 5 s.</summary>
    public bool Unexplained { get; set; }

    /// <summary>1, and one more for each scheduler that took the publishing over.</summary>
    public short Attempt { get; set; }

    /// <summary>Until then the one who publishes it is left alone.</summary>
    public DateTimeOffset LeaseUntil { get; set; }

    public DateTimeOffset? PublishedAt { get; set; }

    /// <summary>From then on a slot without a row is missing.</summary>
    public DateTimeOffset AuditAfter { get; set; }

    public DateTimeOffset? AuditedAt { get; set; }

    public int? Executed { get; set; }

    public int? ObserverFaults { get; set; }

    public int? Missed { get; set; }
}

/// <summary>Seconds of a partition that nobody planned in time; recorded by the scheduler that found them behind its cursor.</summary>
public sealed class PlanGap
{
    public short Partition { get; set; }

    public DateTimeOffset FromTime { get; set; }

    public DateTimeOffset ToTime { get; set; }

    /// <summary>Slots that were due in it, where it was too long for a row each; null until it is closed, 0 where they have rows.</summary>
    public long? Slots { get; set; }
}
