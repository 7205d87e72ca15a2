using System.Runtime.InteropServices;
using Dac.Storage;
using Dac.Targets;

namespace Dac.Scheduler;

/// <summary>
/// The active targets of a partition, by interval and in order of phase: a window looks up the phases that are due in it instead of asking
/// every target.
/// </summary>
public sealed class PartitionTargets
{
    private readonly Dictionary<int, Ring> _rings = [];
    private readonly Dictionary<PlannedTarget, CronSlot> _cron = [];
    private int _slotsBefore;

    /// <summary>Number of active targets.</summary>
    public int Count { get; private set; }

    public void Add(PlannedTarget target)
    {
        Count++;
        if (target.Cron is not null)
            _cron.Add(target, new CronSlot(target));
        else if (_rings.TryGetValue(target.IntervalMs, out var ring))
            ring.Add(target);
        else
            (_rings[target.IntervalMs] = new Ring(target.IntervalMs)).Add(target);
    }

    public void Remove(PlannedTarget target)
    {
        Count--;
        if (target.Cron is not null)
            _cron.Remove(target);
        else
            _rings[target.IntervalMs].Remove(target);
    }

    /// <summary>Plans one second: all that is due in it, in order of time. Null where nothing is.</summary>
    public PlannedWindow? Plan(short partition, long startMs, long revision)
    {
        var slots = new List<PlannedSlot>(_slotsBefore);
        var longestMs = 0;
        foreach (var ring in _rings.Values)
            ring.Collect(startMs, Add);
        foreach (var (target, slot) in _cron)
        {
            if (slot.AtOrAfter(startMs) is { } due && due < startMs + Schedule.WindowMs)
                Add(target, due);
        }
        // One second is much like the one before.
        _slotsBefore = slots.Count;
        if (slots.Count == 0)
            return null;
        slots.Sort((a, b) => a.OffsetMs != b.OffsetMs ? a.OffsetMs.CompareTo(b.OffsetMs) : a.TargetId.CompareTo(b.TargetId));
        return new PlannedWindow(partition, startMs, slots, Count, revision, startMs + Schedule.WindowMs + longestMs + AuditMarginMs);

        void Add(PlannedTarget target, long due)
        {
            longestMs = Math.Max(longestMs, target.LongestMs(due));
            foreach (var location in target.Locations)
                slots.Add(new PlannedSlot(target.Id, location, (short)(due - startMs)));
        }
    }

    /// <summary>What reporting and writing may take beyond the longest probe, in ms: batching, a restarted writer, a takeover.</summary>
    private const int AuditMarginMs = 15_000;

    /// <summary>The next slot of a cron target, as it was last worked out: an expression is dear to ask, and the answer the same until then.</summary>
    private sealed class CronSlot(PlannedTarget target)
    {
        private long _askedMs = long.MaxValue;
        private long? _dueMs;

        public long? AtOrAfter(long startMs)
        {
            if (startMs < _askedMs || startMs > _dueMs)
                (_askedMs, _dueMs) = (startMs, Schedule.CronAtOrAfter(target.Cron!, target.Id, startMs));
            return _dueMs;
        }
    }

    /// <summary>
    /// Targets of one interval, in order of phase. A change costs a pass over the phases, which lie side by side, and not over the targets, which don't: among a
    /// million targets sorting them all again would take most of a tick.
    /// </summary>
    private sealed class Ring(int intervalMs)
    {
        private readonly List<Entry> _entries = [];
        private List<Entry> _added = [];
        private bool _changed;

        public void Add(PlannedTarget target)
        {
            _added.Add(new Entry(target.PhaseMs, target));
            _changed = true;
        }

        public void Remove(PlannedTarget target)
        {
            target.Removed = true;
            _changed = true;
            for (var i = FirstAt(target.PhaseMs); i < _entries.Count && _entries[i].PhaseMs == target.PhaseMs; i++)
            {
                if (_entries[i].Target == target)
                    _entries[i] = new Entry(target.PhaseMs, null);
            }
        }

        public void Collect(long startMs, Action<PlannedTarget, long> due)
        {
            if (_changed)
                Settle();
            var from = (int)(startMs % intervalMs);
            Collect(from, Math.Min((long)from + Schedule.WindowMs, intervalMs), startMs - from, due);
            if ((long)from + Schedule.WindowMs > intervalMs)
                Collect(0, (long)from + Schedule.WindowMs - intervalMs, startMs - from + intervalMs, due);
        }

        private void Collect(long fromPhase, long toPhase, long roundMs, Action<PlannedTarget, long> due)
        {
            for (var i = FirstAt(fromPhase); i < _entries.Count && _entries[i].PhaseMs < toPhase; i++)
                due(_entries[i].Target!, roundMs + _entries[i].PhaseMs);
        }

        // In place, from the end: what is new is sorted, and merged into what is.
        private void Settle()
        {
            _entries.RemoveAll(e => e.Target is null);
            _added.RemoveAll(e => e.Target!.Removed);
            _added.Sort((a, b) => a.PhaseMs.CompareTo(b.PhaseMs));
            var (old, added) = (_entries.Count - 1, _added.Count - 1);
            CollectionsMarshal.SetCount(_entries, _entries.Count + _added.Count);
            for (var i = _entries.Count - 1; added >= 0; i--)
                _entries[i] = old >= 0 && _entries[old].PhaseMs > _added[added].PhaseMs ? _entries[old--] : _added[added--];
            (_added, _changed) = ([], false);
        }

        private int FirstAt(long phaseMs)
        {
            var (low, high) = (0, _entries.Count);
            while (low < high)
            {
                var middle = (low + high) / 2;
                if (_entries[middle].PhaseMs < phaseMs)
                    low = middle + 1;
                else
                    high = middle;
            }
            return low;
        }

        /// <summary>A target, or the place of one that has been removed.</summary>
        private readonly record struct Entry(int PhaseMs, PlannedTarget? Target);
    }
}
