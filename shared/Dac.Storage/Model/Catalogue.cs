namespace Dac.Storage.Model;

/// <summary>What is fixed for a database when it is created, and the counter of the catalogue's changes. One row.</summary>
public sealed class Topology
{
    public short Id { get; set; } = 1;

    /// <summary>Number of partitions; never changed afterwards, since it decides where each target's slots go.</summary>
    public short Partitions { get; set; }

    /// <summary>Revision of the latest change of any target. Taken under this row's lock, so that revisions become visible in order.</summary>
    public long Revision { get; set; }
}

/// <summary>A target as it is now. Deleted ones stay as tombstones, so that every scheduler hears of the deletion.</summary>
public sealed class Target
{
    public long Id { get; set; }

    /// <summary>The user's name of it, for example the Python program's url_id.</summary>
    public required string Key { get; set; }

    public required string Url { get; set; }

    /// <summary>The definition as JSON (<see cref="Dac.Targets.TargetDefinition"/>).</summary>
    public required string Spec { get; set; }

    public short Partition { get; set; }

    public long Revision { get; set; }

    public DateTimeOffset UpdatedAt { get; set; }

    public DateTimeOffset? DeletedAt { get; set; }
}

/// <summary>A target as it was from one change to the next: what the ledger is held against.</summary>
public sealed class TargetVersion
{
    public long TargetId { get; set; }

    public long Revision { get; set; }

    /// <summary>Revision of the change that ended it; null: valid still.</summary>
    public long? RevisionTo { get; set; }

    public required string Spec { get; set; }

    public short Partition { get; set; }

    public DateTimeOffset ValidFrom { get; set; }

    /// <summary>Null: valid still.</summary>
    public DateTimeOffset? ValidTo { get; set; }
}

/// <summary>A place to probe from; made when the first target or result names it.</summary>
public sealed class Location
{
    public short Id { get; set; }

    public required string Name { get; set; }
}

/// <summary>A collector that has reported; its name stands in its log.</summary>
public sealed class Collector
{
    public int Id { get; set; }

    public required string Name { get; set; }

    /// <summary>When its last result was written.</summary>
    public DateTimeOffset? SeenAt { get; set; }

    /// <summary>Its clock less the database's, in ms, as it last measured it.</summary>
    public int? ClockOffsetMs { get; set; }
}

/// <summary>The outcomes and their classes, for those who read the database with SQL.</summary>
public sealed class OutcomeName
{
    public short Code { get; set; }

    public required string Name { get; set; }

    /// <summary>executed, observer_fault or missed.</summary>
    public required string Class { get; set; }
}
