using System.Diagnostics.Metrics;
using Dac.Hosting;
using Dac.Storage;
using Dac.Targets;
using Microsoft.Extensions.Options;
using Quartz;

namespace Dac.Scheduler;

/// <summary>
/// Once a second, on every scheduler: plans every window up to <see cref="SchedulerOptions.Lead"/> ahead that nobody has planned yet, writes it,
/// and publishes it. There is no leader: whoever moves a partition's cursor first has won its windows. While the database does not answer, the one scheduler
/// that holds the broker's lease plans from memory.
/// </summary>
[DisallowConcurrentExecution]
public sealed partial class PlanJob(
    IPlanStore plans, Catalogue catalogue, Dispatcher dispatcher, PlanMemory memory, PlanLease lease, PlanHealth health, IOptions<SchedulerOptions> options,
    TimeProvider time, ILogger<PlanJob> logger) : IJob
{
    private static readonly Counter<long> Planned = Telemetry.Meter.CreateCounter<long>("dac.slots.planned", "{slot}", "Slots written to the plan");
    private static readonly Counter<long> FromMemory = Telemetry.Meter.CreateCounter<long>("dac.slots.planned_from_memory", "{slot}", "Slots published while the database did not answer");
    private static readonly Counter<double> Gaps = Telemetry.Meter.CreateCounter<double>("dac.plan.gap", "s", "Seconds that no scheduler planned in time, summed over partitions");

    /// <summary>What a tick waits for the database. A tick that fails leaves the next one time to plan from memory before the plan runs out.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromMilliseconds(500);

    /// <summary>Windows that another scheduler may have left behind in each partition.</summary>
    private const int WindowsAhead = 4;

    /// <summary>No clock is so far behind another: a plan that reaches further was made by one that was wrong.</summary>
    private static readonly TimeSpan MaxAhead = TimeSpan.FromSeconds(30);

    /// <summary>How many ticks the lease's holder gets to go on with the plan after an outage.</summary>
    private const int Courtesy = 5;

    /// <inheritdoc/>
    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken)
    {
        try
        {
            await TickAsync(cancellationToken);
        }
        // The next tick tries again; a long outage is one line at its start, and in the health check.
        catch (Exception e) when (e is TimeoutException || e.IsDatabaseFault())
        {
            if (health.Failed(e.Message))
                LogDatabase(logger, e.Message);
            // Another one's database may answer: the plan runs a second longer, in which that one can take the lease.
            if (memory.Failed++ == 0)
                await lease.ReleaseAsync();
            else
                await PlanFromMemoryAsync(cancellationToken);
        }
    }

    private async Task TickAsync(CancellationToken cancellationToken)
    {
        var state = await WithinAsync(() => plans.ReadAsync(cancellationToken));
        await catalogue.RefreshAsync(state.Revision, cancellationToken);
        // One that is still connecting leaves the plan to the others, who can publish it in time.
        if (!catalogue.IsLoaded || !dispatcher.IsReady)
            return;
        memory.Read(state);
        var offers = Offers(state, options.Value.Lead);
        // Somebody else may be planning from memory still: first the one who knows what was published.
        if (offers.Exists(o => o.SeenUntilMs < o.FromMs) && memory.Yielded < Courtesy && !await lease.HoldAsync(cancellationToken))
        {
            memory.Yielded++;
            return;
        }
        memory.Yielded = 0;
        var due = new List<PlannedWindow>();
        if (offers.Count > 0)
        {
            var won = await WithinAsync(() => plans.PlanAsync(offers, catalogue.Revision, cancellationToken));
            var mine = offers.Where(o => won.Contains(o.Partition)).ToList();
            Count(mine);
            var windows = mine.SelectMany(o => o.Windows).ToLookup(memory.IsSent);
            await MarkAsync(windows[true], cancellationToken);
            due.AddRange(windows[false]);
        }
        memory.Failed = 0;
        // What others left behind is due before what was just planned. All of it has one deadline: a broker that does not answer must hold up the next tick for
        // less than the plan runs ahead. What was won is published also where the database does not say what else there is.
        try
        {
            due.InsertRange(0, await WithinAsync(() => plans.ClaimUnpublishedAsync(WindowsAhead * state.PlannedUntilMs.Count, cancellationToken)));
        }
        finally
        {
            await PublishAsync(due, cancellationToken);
        }
        if (offers.Count == 0 && state.PlannedUntilMs.Min() - state.NowMs > MaxAhead.TotalMilliseconds)
            Stuck(state);
        else if (health.Succeeded())
            LogBack(logger);
        await lease.HoldAsync(cancellationToken);
    }

    // The cursor only goes forward: what it has passed may have been planned.
    private void Stuck(PlanState state)
    {
        var (until, now) = (DateTimeOffset.FromUnixTimeMilliseconds(state.PlannedUntilMs.Min()!.Value), DateTimeOffset.FromUnixTimeMilliseconds(state.NowMs));
        if (health.Failed($"the plan reaches to {until:u}, and the database's clock says {now:u}: it was ahead once, and nothing is planned until then"))
            LogStuck(logger, until, now);
    }

    // A second less than with the database: one slow answer of it must not make two schedulers publish the same.
    private async Task PlanFromMemoryAsync(CancellationToken cancellationToken)
    {
        if (!catalogue.IsLoaded || memory.State is not { } state)
            return;
        var offers = Offers(state, options.Value.Lead - TimeSpan.FromMilliseconds(Schedule.WindowMs));
        if (offers.Count == 0 || !await lease.HoldAsync(cancellationToken))
            return;
        if (health.SucceededFromMemory())
            LogMemory(logger);
        var unconfirmed = await dispatcher.PublishAsync([.. offers.SelectMany(o => o.Windows)], cancellationToken);
        foreach (var offer in offers.Where(o => !o.Windows.Any(unconfirmed.Contains)))
        {
            memory.Sent(offer);
            FromMemory.Add(offer.Windows.Sum(w => (long)w.Slots.Count));
        }
    }

    private List<PartitionPlan> Offers(PlanState state, TimeSpan lead)
    {
        // The second under way is lost if it is not planned yet: its commands would come late.
        var first = (state.NowMs / Schedule.WindowMs + 1) * Schedule.WindowMs;
        var until = first + (long)lead.TotalMilliseconds / Schedule.WindowMs * Schedule.WindowMs;
        var offers = new List<PartitionPlan>();
        for (short partition = 0; partition < state.PlannedUntilMs.Count; partition++)
        {
            var seen = state.PlannedUntilMs[partition];
            var from = Math.Max(seen ?? first, first);
            if (from >= until)
                continue;
            var targets = catalogue.Partition(partition);
            var windows = new List<PlannedWindow>();
            for (var start = from; start < until; start += Schedule.WindowMs)
            {
                if (targets.Plan(partition, start, catalogue.Revision) is { } window)
                    windows.Add(window);
            }
            offers.Add(new PartitionPlan(partition, seen, from, until, targets.Count, windows));
        }
        return offers;
    }

    private async Task PublishAsync(IReadOnlyList<PlannedWindow> windows, CancellationToken cancellationToken)
    {
        var unconfirmed = await dispatcher.PublishAsync(windows, cancellationToken);
        await MarkAsync(windows.Where(w => !unconfirmed.Contains(w)), cancellationToken);
    }

    private async Task MarkAsync(IEnumerable<PlannedWindow> windows, CancellationToken cancellationToken)
    {
        if (windows.ToList() is not { Count: > 0 } published)
            return;
        await WithinAsync(async () =>
        {
            await plans.MarkPublishedAsync(published, cancellationToken);
            return true;
        });
    }

    // Whatever the driver does meanwhile. A plan that is written after all is published by whoever claims it.
    private async Task<T> WithinAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            await memory.Asked.WaitAsync(Deadline, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!memory.Asked.IsCompleted)
                throw new TimeoutException();
            var answer = Task.Run(ask);
            memory.Asked = answer;
            return await answer.WaitAsync(Deadline, time);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"no answer within {Deadline.TotalMilliseconds:F0} ms", e);
        }
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

    [LoggerMessage(LogLevel.Warning, "The last {Seconds} s in {Partitions} partitions were not planned in the database; the audit accounts for them, planning goes on from now")]
    private static partial void LogGap(ILogger logger, long seconds, int partitions);

    [LoggerMessage(LogLevel.Error, "Nothing is planned until {Until:O}: the plan reaches there, and the database's clock says {Now:O}. It was ahead once; see docs/operations.md")]
    private static partial void LogStuck(ILogger logger, DateTimeOffset until, DateTimeOffset now);

    [LoggerMessage(LogLevel.Error, "Can't plan, the database does not answer: {Reason}. Trying again every second")]
    private static partial void LogDatabase(ILogger logger, string reason);

    [LoggerMessage(LogLevel.Warning, "Planning without the database until it answers")]
    private static partial void LogMemory(ILogger logger);

    [LoggerMessage(LogLevel.Information, "Planning in the database again")]
    private static partial void LogBack(ILogger logger);
}
