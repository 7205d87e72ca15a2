using System.Data.Common;
using System.Diagnostics.Metrics;
using Dac.Hosting;
using Dac.Storage;
using Dac.Targets;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Quartz;

namespace Dac.Scheduler;

/// <summary>
/// Once a second, on every scheduler: plans every window up to <see cref="SchedulerOptions.Lead"/> ahead that nobody has planned yet, writes it,
/// and publishes it. There is no leader: whoever moves a partition's cursor first has won its windows.
/// </summary>
[DisallowConcurrentExecution]
public sealed partial class PlanJob(
    IPlanStore plans, Catalogue catalogue, Dispatcher dispatcher, PlanHealth health, IOptions<SchedulerOptions> options, ILogger<PlanJob> logger) : IJob
{
    private static readonly Counter<long> Planned = Telemetry.Meter.CreateCounter<long>("dac.slots.planned", "{slot}", "Slots written to the plan");
    private static readonly Counter<double> Gaps = Telemetry.Meter.CreateCounter<double>("dac.plan.gap", "s", "Seconds that no scheduler planned in time, summed over partitions");

    /// <summary>Windows that another scheduler may have left behind in each partition.</summary>
    private const int WindowsAhead = 4;

    /// <inheritdoc/>
    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken)
    {
        try
        {
            await TickAsync(cancellationToken);
            health.Succeeded();
        }
        // The next tick tries again; a long outage is one line at its start, and in the health check.
        catch (Exception e) when (e is DbException or TimeoutException or InvalidOperationException { InnerException: DbException })
        {
            if (health.Failed(e.Message))
                LogDatabase(logger, e.Message);
        }
    }

    private async Task TickAsync(CancellationToken cancellationToken)
    {
        var state = await plans.ReadAsync(cancellationToken);
        await catalogue.RefreshAsync(state.Revision, cancellationToken);
        var offers = new List<PartitionPlan>();
        for (short partition = 0; partition < state.PlannedUntilMs.Count; partition++)
        {
            if (Plan(partition, state) is { } offer)
                offers.Add(offer);
        }
        if (offers.Count > 0)
        {
            var won = await plans.PlanAsync(offers, catalogue.Revision, cancellationToken);
            var mine = offers.Where(o => won.Contains(o.Partition)).ToList();
            Count(mine);
            await dispatcher.PublishAsync([.. mine.SelectMany(o => o.Windows)], state.NowMs, cancellationToken);
        }
        await dispatcher.PublishAsync(await plans.ClaimUnpublishedAsync(WindowsAhead * state.PlannedUntilMs.Count, cancellationToken), state.NowMs, cancellationToken);
    }

    private PartitionPlan? Plan(short partition, PlanState state)
    {
        // The second under way is lost if it is not planned yet: its commands would come late.
        var first = state.NowMs / Schedule.WindowMs * Schedule.WindowMs + Schedule.WindowMs;
        var until = first + (long)options.Value.Lead.TotalMilliseconds / Schedule.WindowMs * Schedule.WindowMs;
        var seen = state.PlannedUntilMs[partition];
        var from = Math.Max(seen ?? first, first);
        if (from >= until)
            return null;
        var targets = catalogue.Partition(partition);
        var windows = new List<PlannedWindow>();
        for (var start = from; start < until; start += Schedule.WindowMs)
        {
            if (targets.Plan(partition, start, catalogue.Revision) is { } window)
                windows.Add(window);
        }
        return new PartitionPlan(partition, seen, from, until, targets.Count, windows);
    }

    private void Count(List<PartitionPlan> mine)
    {
        Planned.Add(mine.Sum(o => o.Windows.Sum(w => (long)w.Slots.Count)));
        var lostMs = mine.Sum(o => o.FromMs - (o.SeenUntilMs ?? o.FromMs));
        if (lostMs == 0)
            return;
        Gaps.Add(lostMs / 1000.0);
        LogGap(logger, mine.Max(o => o.FromMs - (o.SeenUntilMs ?? o.FromMs)) / 1000, mine.Count(o => o.SeenUntilMs < o.FromMs));
    }

    [LoggerMessage(LogLevel.Warning, "Nobody planned the last {Seconds} s in {Partitions} partitions; their slots are missed, planning goes on from now")]
    private static partial void LogGap(ILogger logger, long seconds, int partitions);

    [LoggerMessage(LogLevel.Error, "Can't plan, the database does not answer: {Reason}. Trying again every second")]
    private static partial void LogDatabase(ILogger logger, string reason);
}

/// <summary>Ready while ticks succeed.</summary>
public sealed class PlanHealth(TimeProvider time) : IHealthCheck
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private long? _last;
    private string? _reason;

    /// <summary>A tick has ended well.</summary>
    public void Succeeded() => (_last, _reason) = (time.GetTimestamp(), null);

    /// <summary>A tick has failed; true for the first of a row.</summary>
    public bool Failed(string reason)
    {
        var first = _reason is null;
        _reason = reason;
        return first;
    }

    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(_last is { } last && time.GetElapsedTime(last) < Limit
            ? HealthCheckResult.Healthy()
            : HealthCheckResult.Unhealthy(_last is null ? $"nothing planned yet: {_reason ?? "starting"}" : $"nothing planned for {time.GetElapsedTime(_last.Value).TotalSeconds:F0} s: {_reason ?? "see the log"}"));
}
