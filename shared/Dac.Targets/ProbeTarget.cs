using Dac.Contracts;
using Quartz;

namespace Dac.Targets;

/// <summary>A definition that has passed <see cref="TargetValidator"/>, in the units that planning works with.</summary>
public sealed record ProbeTarget : ProbeOptions
{
    /// <summary>The definition's key, or the URL.</summary>
    public required string Key { get; init; }

    /// <summary>What to probe.</summary>
    public required string Url { get; init; }

    /// <summary>Host of the URL, in lower case and ASCII: what the partition is made of.</summary>
    public required string Host { get; init; }

    /// <summary>Milliseconds between slots; 0 where <see cref="Cron"/> says when.</summary>
    public required int IntervalMs { get; init; }

    /// <summary>Cron expression in its time zone, or null.</summary>
    public CronExpression? Cron { get; init; }

    /// <summary>Body regex, or null.</summary>
    public string? Regex { get; init; }

    /// <summary>Limit of a whole probe, in ms.</summary>
    public required int TimeoutMs { get; init; }

    /// <summary>Longest time of a probe that is up, in ms, or null.</summary>
    public int? LatencyLimitMs { get; init; }

    /// <summary>How late a probe may start, in ms; null on a cron target without one: half the gap to its next slot, 5 s at most.</summary>
    public int? ToleranceMs { get; init; }

    /// <summary>Where to probe from.</summary>
    public required IReadOnlyList<string> Locations { get; init; }

    /// <summary>Planned or not.</summary>
    public required bool Paused { get; init; }
}
