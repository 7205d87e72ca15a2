namespace Dac.Faults.Proof;

/// <summary>Something that must not be.</summary>
/// <param name="Rule">Which rule is broken; <c>docs/faults.md</c> explains each.</param>
/// <param name="Detail">What was found.</param>
public sealed record Violation(string Rule, string Detail);

/// <summary>What the ledger says, over all slots due before the end.</summary>
public sealed record Figures
{
    public long Planned { get; set; }

    public long Executed { get; set; }

    public long ObserverFaults { get; set; }

    /// <summary>Missed slots by reason, those counted in gaps included.</summary>
    public SortedDictionary<string, long> Missed { get; } = new(StringComparer.Ordinal);

    /// <summary>Rows by outcome.</summary>
    public SortedDictionary<string, long> Outcomes { get; } = new(StringComparer.Ordinal);

    public long Late { get; set; }

    /// <summary>Seconds that nobody planned, summed over the partitions.</summary>
    public long GapSeconds { get; set; }

    /// <summary>Slots in gaps that are a number only.</summary>
    public long CountedInGaps { get; set; }

    /// <summary>Slots planned in two partitions, while their target moved from one to the other.</summary>
    public long PlannedTwice { get; set; }

    public long Requests { get; set; }

    /// <summary>Requests beyond one for a slot, near a fault or a takeover: delivered again, or probed again after a kill.</summary>
    public long ExtraRequests { get; set; }

    /// <summary>Outcomes that were wrong while the suite itself was starved of processor time: not held against the services.</summary>
    public long Excused { get; set; }

    /// <summary>The longest time without any request to the target server, in seconds.</summary>
    public double LongestPauseSeconds { get; set; }
}

/// <summary>What the oracle says.</summary>
public sealed class Verdict
{
    private readonly List<Violation> _violations = [];

    public IReadOnlyList<Violation> Violations => _violations;

    public Figures Figures { get; } = new();

    public void Add(string rule, string detail) => _violations.Add(new Violation(rule, detail));
}
