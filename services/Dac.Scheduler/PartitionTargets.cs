using Dac.Storage;
using Dac.Targets;

namespace Dac.Scheduler;

/// <summary>A target as the planner holds it.</summary>
public sealed class PlannedTarget(long id, short partition, ProbeTarget target, short[] locations)
{
    public long Id { get; } = id;

    public short Partition { get; } = partition;

    public ProbeTarget Target { get; } = target;

    public short[] Locations { get; } = locations;

    /// <summary>Offset within the interval, in ms; 0 on a cron target.</summary>
    public int PhaseMs { get; } = target.Cron is null ? (int)Schedule.PhaseMs(id, target.IntervalMs) : 0;

    internal bool Removed { get; set; }
}

/// <summary>
/// The active targets of a partition, by interval and in order of phase: a window looks up the phases that are due in it instead of asking
/// every target.
/// </summary>
public sealed class PartitionTargets
{
    private readonly Dictionary<int, Ring> _rings = [];
    private readonly List<PlannedTarget> _cron = [];

    /// <summary>Number of active targets.</summary>
    public int Count { get; private set; }

    public void Add(PlannedTarget target)
    {
        Count++;
        if (target.Target.Cron is not null)
            _cron.Add(target);
        else if (_rings.TryGetValue(target.Target.IntervalMs, out var ring))
            ring.Add(target);
        else
            _rings.Add(target.Target.IntervalMs, new Ring(target));
    }

    public void Remove(PlannedTarget target)
    {
        Count--;
        if (target.Target.Cron is not null)
            _cron.Remove(target);
        else
            _rings[target.Target.IntervalMs].Remove(target);
    }

    /// <summary>Plans one second: all that is due in it, in order of time. Null where nothing is.</summary>
    public PlannedWindow? Plan(short partition, long startMs, long revision)
    {
        var slots = new List<PlannedSlot>();
        var longestMs = 0;
        foreach (var ring in _rings.Values)
            ring.Collect(startMs, Add);
        foreach (var target in _cron)
        {
            if (Schedule.CronAtOrAfter(target.Target.Cron!, target.Id, startMs) is { } due && due < startMs + Schedule.WindowMs)
                Add(target, due);
        }
        if (slots.Count == 0)
            return null;
        slots.Sort((a, b) => a.OffsetMs != b.OffsetMs ? a.OffsetMs.CompareTo(b.OffsetMs) : a.TargetId.CompareTo(b.TargetId));
        return new PlannedWindow(partition, startMs, slots, Count, revision, startMs + Schedule.WindowMs + longestMs + AuditMarginMs);

        void Add(PlannedTarget target, long due)
        {
            longestMs = Math.Max(longestMs, Schedule.ToleranceMs(target.Target, target.Id, due) + target.Target.TimeoutMs);
            foreach (var location in target.Locations)
                slots.Add(new PlannedSlot(target.Id, location, (short)(due - startMs)));
        }
    }

    /// <summary>What reporting and writing may take beyond the longest probe, in ms: batching, a restarted writer, a takeover.</summary>
    private const int AuditMarginMs = 15_000;

    /// <summary>Targets of one interval, in order of phase.</summary>
    private sealed class Ring(PlannedTarget first)
    {
        private readonly int _intervalMs = first.Target.IntervalMs;
        private readonly List<PlannedTarget> _targets = [first];
        private bool _changed;

        public void Add(PlannedTarget target)
        {
            _targets.Add(target);
            _changed = true;
        }

        public void Remove(PlannedTarget target)
        {
            target.Removed = true;
            _changed = true;
        }

        public void Collect(long startMs, Action<PlannedTarget, long> due)
        {
            if (_changed)
            {
                // Once per change of the catalogue, not per target: an import of thousands costs one sort.
                _targets.RemoveAll(t => t.Removed);
                _targets.Sort((a, b) => a.PhaseMs.CompareTo(b.PhaseMs));
                _changed = false;
            }
            var from = (int)(startMs % _intervalMs);
            Collect(from, Math.Min((long)from + Schedule.WindowMs, _intervalMs), startMs - from, due);
            if ((long)from + Schedule.WindowMs > _intervalMs)
                Collect(0, (long)from + Schedule.WindowMs - _intervalMs, startMs - from + _intervalMs, due);
        }

        private void Collect(long fromPhase, long toPhase, long roundMs, Action<PlannedTarget, long> due)
        {
            var (low, high) = (0, _targets.Count);
            while (low < high)
            {
                var middle = (low + high) / 2;
                if (_targets[middle].PhaseMs < fromPhase)
                    low = middle + 1;
                else
                    high = middle;
            }
            for (; low < _targets.Count && _targets[low].PhaseMs < toPhase; low++)
                due(_targets[low], roundMs + _targets[low].PhaseMs);
        }
    }
}
