using System.ComponentModel.DataAnnotations;

namespace Dac.Scheduler;

/// <summary>Settings of section <c>Scheduler</c>.</summary>
public sealed class SchedulerOptions
{
    /// <summary>
    /// How far the plan runs ahead of the clock: whole seconds, 2 to 10. Default: 3 s, so that another scheduler can take a window over (lease of 1 s)
    /// before its first slot is due. Longer makes changes of targets take effect later.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:02", "00:00:10")]
    public TimeSpan Lead { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>Commands in one message, 1 to 1,000. Default: 64; one per message costs several times as much.</summary>
    [Range(1, 1000)]
    public int BatchSize { get; set; } = 64;

    /// <summary>How long publishing one tick's windows may take until it is left to the next tick or another scheduler. 100 ms to 1 s, the windows' lease. Default: 1 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:00:01")]
    public TimeSpan SendDeadline { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// A gap (seconds that no scheduler planned) longer than this, in which nothing was probed, is accounted for by one number per partition instead of a row per
    /// slot: 0 to 1 h. Default: 5 min.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan GapAfter { get; set; } = TimeSpan.FromMinutes(5);
}
