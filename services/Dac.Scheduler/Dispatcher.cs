using System.Diagnostics;
using System.Diagnostics.Metrics;
using Dac.Contracts;
using Dac.Hosting;
using Dac.Storage;
using Microsoft.Extensions.Options;

namespace Dac.Scheduler;

/// <summary>
/// Publishes windows as batches of commands, confirmed and within a deadline. A window of which a batch was not confirmed stays unpublished, and is
/// claimed again by whoever comes first: duplicates are harmless, loss is not possible.
/// </summary>
public sealed partial class Dispatcher(
    Catalogue catalogue, PlanMemory memory, PublishBus bus, QueueWatch queues, IOptions<SchedulerOptions> options, IOptions<TopologyOptions> topology, ILogger<Dispatcher> logger)
{
    /// <summary>Sends under way at once; one at a time would cost twice the CPU, more than 20 no less.</summary>
    private const int Parallel = 20;

    private static readonly Counter<long> Published = Telemetry.Meter.CreateCounter<long>("dac.slots.published", "{slot}", "Slots confirmed by the broker");
    private static readonly Histogram<int> BatchSlots = Telemetry.Meter.CreateHistogram<int>("dac.batch.slots", "{slot}", "Commands in a message");
    private static readonly Counter<long> Unconfirmed = Telemetry.Meter.CreateCounter<long>("dac.windows.unconfirmed", "{window}", "Windows that the broker did not confirm in time; they are published again");
    private static readonly Counter<long> Undeliverable = Telemetry.Meter.CreateCounter<long>("dac.slots.undeliverable", "{slot}", "Slots for which the broker has no queue");

    /// <summary>Whether there is, or has been, a broker to publish to.</summary>
    public bool IsReady => bus.HasStarted;

    /// <summary>Publishes windows; returns those that the broker has not confirmed in full.</summary>
    public async Task<IReadOnlySet<PlannedWindow>> PublishAsync(IReadOnlyList<PlannedWindow> windows, CancellationToken cancellationToken)
    {
        var unconfirmed = new HashSet<PlannedWindow>();
        if (windows.Count == 0)
            return unconfirmed;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(options.Value.SendDeadline);
        var batches = new List<(PlannedWindow Window, ProbeBatch Batch)>();
        foreach (var window in windows)
        {
            if (!await TryAddBatchesAsync(window, batches, deadline.Token))
                unconfirmed.Add(window);
        }
        await System.Threading.Tasks.Parallel.ForEachAsync(
            batches,
            new ParallelOptions { MaxDegreeOfParallelism = Parallel, CancellationToken = CancellationToken.None },
            async (item, _) =>
            {
                if (!await SendAsync(item.Batch, deadline.Token))
                {
                    lock (unconfirmed)
                        unconfirmed.Add(item.Window);
                }
            });
        Unconfirmed.Add(unconfirmed.Count);
        if (unconfirmed.Count > 0)
            LogUnconfirmed(logger, unconfirmed.Count, windows.Count);
        return unconfirmed;
    }

    private async Task<bool> SendAsync(ProbeBatch batch, CancellationToken deadline)
    {
        queues.Used(batch.Location, batch.Partition);
        // What can't be started in time any more is of no use to anybody; one second more, so that it is the collector who says so and not the broker
        // who drops it silently.
        var nowMs = memory.NowMs;
        var last = batch.Probes.Max(p => p.ScheduledAtMs + p.ToleranceMs) - nowMs + 1_000;
        var outcome = await bus.SendAsync(Queues.ProbeUrl(batch.Location, batch.Partition), batch with { SentAtMs = nowMs }, TimeSpan.FromMilliseconds(Math.Max(1, last)), deadline);
        if (outcome.Sent == Sent.Confirmed)
        {
            Published.Add(batch.Probes.Count);
            BatchSlots.Record(batch.Probes.Count);
        }
        // Final: sending again would change nothing.
        return outcome.Sent == Sent.Returned
            ? await ReportAsync(batch.Location, batch.Probes.Select(p => (p.TargetId, p.ScheduledAtMs)), $"location '{batch.Location}' has no collector: {outcome.Reason}", deadline)
            : outcome.Sent == Sent.Confirmed;
    }

    private async Task<bool> ReportAsync(string location, IEnumerable<(long TargetId, long ScheduledAtMs)> slots, string reason, CancellationToken deadline)
    {
        var results = slots.Select(s => new ProbeResult { TargetId = s.TargetId, ScheduledAtMs = s.ScheduledAtMs, Outcome = Outcome.Undeliverable, Error = reason }).ToList();
        Undeliverable.Add(results.Count);
        LogUndeliverable(logger, results.Count, location, reason);
        var outcome = await bus.SendAsync(Queues.ProbeResult, new ProbeResultBatch { Location = location, Collector = "scheduler", Results = results }, null, deadline);
        return outcome.Sent == Sent.Confirmed;
    }

    // False where slots could neither be sent nor reported.
    private async Task<bool> TryAddBatchesAsync(PlannedWindow window, List<(PlannedWindow, ProbeBatch)> batches, CancellationToken deadline)
    {
        try
        {
            return await AddBatchesAsync(window, batches, deadline);
        }
        // A target that only the database knows, which does not answer.
        catch (Exception e) when (e is OperationCanceledException || e.IsDatabaseFault())
        {
            return false;
        }
    }

    internal async Task<bool> AddBatchesAsync(PlannedWindow window, List<(PlannedWindow, ProbeBatch)> batches, CancellationToken cancellationToken)
    {
        var unreadable = new List<PlannedSlot>();
        var byLocation = new Dictionary<short, List<ProbeUrl>>();
        foreach (var slot in window.Slots)
        {
            if (await catalogue.FindAsync(slot.TargetId, cancellationToken) is not { } target)
            {
                unreadable.Add(slot);
                continue;
            }
            if (!byLocation.TryGetValue(slot.LocationId, out var probes))
                byLocation.Add(slot.LocationId, probes = []);
            probes.Add(Command(target, window.StartMs + slot.OffsetMs));
        }
        foreach (var (location, probes) in byLocation)
        {
            foreach (var chunk in probes.Chunk(options.Value.BatchSize))
            {
                batches.Add((window, new ProbeBatch
                {
                    Location = await catalogue.LocationAsync(location, cancellationToken),
                    Partition = window.Partition,
                    Partitions = topology.Value.Partitions,
                    WindowStartMs = window.StartMs,
                    Attempt = window.Attempt,
                    Probes = chunk,
                }));
            }
        }
        var reported = true;
        foreach (var slots in unreadable.GroupBy(s => s.LocationId))
        {
            var location = await catalogue.LocationAsync(slots.Key, cancellationToken);
            reported &= await ReportAsync(location, slots.Select(s => (s.TargetId, window.StartMs + s.OffsetMs)), "the target's definition can't be read", cancellationToken);
        }
        return reported;
    }

    private static ProbeUrl Command(PlannedTarget target, long dueMs)
    {
        // A trace begins here and ends with the row; null unless it is sampled.
        using var span = Telemetry.Source.StartActivity("plan slot", ActivityKind.Producer);
        span?.SetTag("dac.target", target.Id).SetTag("dac.slot", DateTimeOffset.FromUnixTimeMilliseconds(dueMs).ToString("O"));
        return target.Command(dueMs, span is { Recorded: true } ? span.Id : null);
    }

    [LoggerMessage(LogLevel.Warning, "{Unconfirmed} of {Windows} windows were not confirmed by the broker in time; they are published again")]
    private static partial void LogUnconfirmed(ILogger logger, int unconfirmed, int windows);

    [LoggerMessage(LogLevel.Warning, "{Slots} slots at {Location} are undeliverable: {Reason}")]
    private static partial void LogUndeliverable(ILogger logger, int slots, string location, string reason);
}
