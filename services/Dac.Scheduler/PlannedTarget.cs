using Dac.Contracts;
using Dac.Targets;
using Quartz;

namespace Dac.Scheduler;

/// <summary>A target as the planner holds it. There may be a million of them: it holds what its slots are made of, and shares with others what they have in common.</summary>
public sealed class PlannedTarget
{
    private readonly string _url;
    private readonly ProbeUrl _command;

    /// <summary>Takes from a target what planning needs.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="partition">Its partition.</param>
    /// <param name="target">The target.</param>
    /// <param name="locations">Ids of its locations.</param>
    /// <param name="command">What its commands have in common with those of other targets.</param>
    public PlannedTarget(long id, short partition, ProbeTarget target, short[] locations, ProbeUrl command)
    {
        (Id, Partition, Locations, Paused) = (id, partition, locations, target.Paused);
        (IntervalMs, Cron) = (target.IntervalMs, target.Cron);
        PhaseMs = Cron is null ? (int)Schedule.PhaseMs(id, IntervalMs) : 0;
        (_url, _command) = (target.Url, command);
    }

    public long Id { get; }

    public short Partition { get; }

    /// <summary>Where it is probed from; shared with other targets.</summary>
    public short[] Locations { get; }

    /// <summary>Planned or not.</summary>
    public bool Paused { get; }

    /// <summary>Milliseconds between slots; 0 on a cron target.</summary>
    public int IntervalMs { get; }

    public CronExpression? Cron { get; }

    /// <summary>Offset within the interval, in ms; 0 on a cron target.</summary>
    public int PhaseMs { get; }

    internal bool Removed { get; set; }

    /// <summary>How long after it is due a slot may be under way still, in ms.</summary>
    public int LongestMs(long dueMs) => ToleranceMs(dueMs) + _command.TimeoutMs;

    /// <summary>The command of a slot.</summary>
    public ProbeUrl Command(long dueMs, string? traceParent) =>
        _command with { TargetId = Id, ScheduledAtMs = dueMs, Url = _url, ToleranceMs = ToleranceMs(dueMs), TraceParent = traceParent };

    private int ToleranceMs(long dueMs) =>
        _command.ToleranceMs == CommandTemplates.HalfTheGap ? Schedule.ToleranceMs(Cron!, Id, dueMs) : _command.ToleranceMs;
}
