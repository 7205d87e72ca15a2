namespace Dac.Faults.Proof;

/// <summary>The plan and its rows, as the checks look them up.</summary>
internal sealed class Plan
{
    private static readonly HashSet<long> None = [];

    private readonly Dictionary<long, HashSet<long>> _times = [];
    private readonly Dictionary<long, short> _partitions = [];
    private readonly Dictionary<short, List<Gap>> _counted;
    private readonly HashSet<SlotKey> _takenOver;

    public Plan(Evidence evidence)
    {
        foreach (var slot in evidence.Windows.SelectMany(w => w.Slots))
        {
            if (!Slots.Add(slot))
                Twice++;
            if (!_times.TryGetValue(slot.TargetId, out var times))
                _times.Add(slot.TargetId, times = []);
            times.Add(slot.DueMs);
        }
        foreach (var row in evidence.Rows)
            Rows[row.Slot] = row;
        foreach (var life in evidence.Targets)
            _partitions[life.Id] = life.Spans[^1].Partition;
        _takenOver = [.. evidence.Windows.Where(w => w.Attempt > 1).SelectMany(w => w.Slots)];
        _counted = evidence.Gaps.Where(g => g.Slots is not 0).GroupBy(g => g.Partition).ToDictionary(g => g.Key, g => g.ToList());
    }

    /// <summary>All slots of all windows.</summary>
    public HashSet<SlotKey> Slots { get; } = [];

    /// <summary>Slots that stand in two windows.</summary>
    public long Twice { get; }

    public Dictionary<SlotKey, Row> Rows { get; } = [];

    /// <summary>When a target is planned.</summary>
    public HashSet<long> Times(long targetId) => _times.GetValueOrDefault(targetId, None);

    /// <summary>Whether a slot was published more than once, on purpose: its window was taken over by another scheduler.</summary>
    public bool TakenOver(SlotKey slot) => _takenOver.Contains(slot);

    /// <summary>The gap that counts a slot instead of listing it, if one does, or that is not closed yet.</summary>
    public Gap? CountedGap(short partition, long dueMs) =>
        _counted.TryGetValue(partition, out var gaps) ? gaps.Find(g => g.FromMs <= dueMs && dueMs < g.ToMs) : null;

    public Gap? CountedGap(SlotKey slot) => _partitions.TryGetValue(slot.TargetId, out var partition) ? CountedGap(partition, slot.DueMs) : null;
}
