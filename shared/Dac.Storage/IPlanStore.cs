namespace Dac.Storage;

/// <summary>One slot of a window.</summary>
public readonly record struct PlannedSlot(long TargetId, short LocationId, short OffsetMs);

/// <summary>The slots of one second of one partition, in order of time.</summary>
/// <param name="Partition">The partition.</param>
/// <param name="StartMs">Start of the second, Unix ms.</param>
/// <param name="Slots">What is due in it.</param>
/// <param name="ActiveTargets">Active targets of the partition in the catalogue that was planned from.</param>
/// <param name="Revision">That catalogue's revision.</param>
/// <param name="AuditAfterMs">When each slot must have its row, Unix ms.</param>
/// <param name="Attempt">1, or more when it is published by another than the one who planned it.</param>
public sealed record PlannedWindow(
    short Partition, long StartMs, IReadOnlyList<PlannedSlot> Slots, int ActiveTargets, long Revision, long AuditAfterMs, short Attempt = 1)
{
    /// <summary>Of the slots' keys (<see cref="SlotChecksum"/>).</summary>
    public long Checksum() => Slots.Sum(s => SlotChecksum.Of(s.TargetId, s.LocationId, StartMs + s.OffsetMs));
}

/// <summary>How far each partition is planned, by the database's clock.</summary>
/// <param name="NowMs">The database's clock, Unix ms.</param>
/// <param name="Revision">Latest revision of the catalogue.</param>
/// <param name="PlannedUntilMs">By partition; null where it was never planned.</param>
public sealed record PlanState(long NowMs, long Revision, IReadOnlyList<long?> PlannedUntilMs);

/// <summary>A scheduler's offer to plan the seconds of one partition.</summary>
/// <param name="Partition">The partition.</param>
/// <param name="SeenUntilMs">The cursor as it was read; if it has moved since, somebody else has planned these seconds.</param>
/// <param name="FromMs">Start of the first window; later than the cursor where time was lost, which is then recorded as a gap.</param>
/// <param name="UntilMs">End of the last window.</param>
/// <param name="ActiveTargets">Active targets of the partition.</param>
/// <param name="Windows">The windows that are not empty.</param>
public sealed record PartitionPlan(
    short Partition, long? SeenUntilMs, long FromMs, long UntilMs, int ActiveTargets, IReadOnlyList<PlannedWindow> Windows);

/// <summary>The plan in the database: a write-ahead log of what is to be probed, and the fence between schedulers.</summary>
public interface IPlanStore
{
    /// <summary>Reads the database's clock, the catalogue's revision and the cursors.</summary>
    Task<PlanState> ReadAsync(CancellationToken cancellationToken);

    /// <summary>Writes what is offered, partition by partition all or nothing; returns the partitions won.</summary>
    Task<IReadOnlySet<short>> PlanAsync(IReadOnlyList<PartitionPlan> plans, long revision, CancellationToken cancellationToken);

    /// <summary>Marks windows as published, so that nobody publishes them again.</summary>
    Task MarkPublishedAsync(IReadOnlyList<PlannedWindow> windows, CancellationToken cancellationToken);

    /// <summary>
    /// Takes over windows that were planned but not published within their lease of one second and that started no longer than 5 s ago;
    /// first those whose slots can still start on time.
    /// </summary>
    Task<IReadOnlyList<PlannedWindow>> ClaimUnpublishedAsync(int limit, CancellationToken cancellationToken);
}
