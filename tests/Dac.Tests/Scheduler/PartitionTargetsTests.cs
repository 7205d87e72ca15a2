using Dac.Scheduler;
using Dac.Targets;
using FsCheck;
using FsCheck.Xunit;

namespace Dac.Tests.Scheduler;

public sealed class PartitionTargetsTests
{
    private const long Start = 1_700_000_000_000;

    [Property(MaxTest = 50)]
    public bool A_window_holds_what_asking_every_target_gives(PositiveInt[] intervals, int offset)
    {
        var targets = intervals.Select((interval, i) => Target(i + 1, 1_000 + interval.Get * 37 % 20_000)).ToList();
        var partition = new PartitionTargets();
        targets.ForEach(partition.Add);
        foreach (var removed in targets.Where(t => t.Id % 3 == 0))
            partition.Remove(removed);
        for (var window = Start + offset * 1_000L; window < Start + offset * 1_000L + 30_000; window += 1_000)
        {
            var expected = targets.Where(t => t.Id % 3 != 0)
                .Select(t => (t.Id, Due: Schedule.DueInWindow(t.Id, t.IntervalMs, window))).Where(s => s.Due is not null)
                .Select(s => (s.Due!.Value - window, s.Id)).Order();
            var planned = partition.Plan(0, window, 1)?.Slots ?? [];
            if (!planned.Select(s => ((long)s.OffsetMs, s.TargetId)).SequenceEqual(expected))
                return false;
        }
        return true;
    }

    [Property(MaxTest = 50)]
    public bool Targets_may_come_and_go_between_windows_and_between_changes(PositiveInt[] changes)
    {
        var (partition, active) = (new PartitionTargets(), new Dictionary<long, PlannedTarget>());
        for (var i = 0; i < changes.Length; i++)
        {
            var id = changes[i].Get % 20 + 1;
            if (active.Remove(id, out var old))
                partition.Remove(old);
            // The same again, as a change does, or gone.
            if (old is null || changes[i].Get % 3 != 0)
                partition.Add(active[id] = Target(id, 1_000 + changes[i].Get % 2 * 500));
            var window = Start + i * 1_000L;
            if (i % 4 == 3 && !(partition.Plan(0, window, 1)?.Slots.Select(s => s.TargetId).Order() ?? Enumerable.Empty<long>())
                .SequenceEqual(active.Values.Where(t => Schedule.DueInWindow(t.Id, t.IntervalMs, window) is not null).Select(t => t.Id).Order()))
                return false;
        }
        return partition.Count == active.Count;
    }

    [Fact]
    public void A_target_at_two_locations_has_two_slots_at_the_same_time()
    {
        var partition = new PartitionTargets();
        partition.Add(Target(1, 1_000, 1, 2));
        Assert.Equal([(1, (short)618), (2, (short)618)], partition.Plan(0, Start, 1)!.Slots.Select(s => ((int)s.LocationId, s.OffsetMs)));
    }

    [Fact]
    public void A_second_with_nothing_due_has_no_window()
    {
        var partition = new PartitionTargets();
        partition.Add(Target(1, 60_000));
        Assert.Equal(59, Enumerable.Range(0, 60).Count(s => partition.Plan(0, Start + s * 1_000, 1) is null));
    }

    [Fact]
    public void A_window_is_audited_after_its_longest_probe_may_have_ended()
    {
        var partition = new PartitionTargets();
        partition.Add(Target(1, 1_000));
        Assert.Equal(Start + 1_000 + 500 + 400 + 15_000, partition.Plan(0, Start, 1)!.AuditAfterMs);
    }

    [Fact]
    public void A_cron_target_is_planned_in_the_seconds_that_it_names()
    {
        var partition = new PartitionTargets();
        var target = TargetValidator.Validate(new() { Url = "http://h/", Cron = "*/10 * * * * ?" }).Target!;
        partition.Add(new PlannedTarget(1, 0, target, [1], CommandTemplates.Make(target)));
        Assert.Equal([0, 10, 20], Enumerable.Range(0, 30).Where(s => partition.Plan(0, 1_700_000_000_000 / 60_000 * 60_000 + s * 1_000, 1) is not null));
    }

    private static PlannedTarget Target(long id, int intervalMs, params short[] locations)
    {
        var target = new ProbeTarget { Key = $"t{id}", Url = "http://h/", Host = "h", IntervalMs = intervalMs, TimeoutMs = 400, ToleranceMs = 500, Locations = ["default"], Paused = false };
        return new PlannedTarget(id, 0, target, locations is [] ? [1] : locations, CommandTemplates.Make(target));
    }
}
