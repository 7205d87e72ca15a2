using System.Diagnostics;
using System.Diagnostics.Metrics;
using Dac.Contracts;
using Dac.Hosting;
using Dac.Storage;
using Dac.Targets;
using MassTransit;
using Microsoft.Extensions.Options;

namespace Dac.Scheduler;

/// <summary>
/// Publishes windows as batches of commands, confirmed and within a deadline. A window of which a batch was not confirmed stays unpublished, and is
/// claimed again by whoever comes first: duplicates are harmless, loss is not possible.
/// </summary>
public sealed partial class Dispatcher(
    IPlanStore plans, Catalogue catalogue, PublishBus bus, IOptions<SchedulerOptions> options, IOptions<TopologyOptions> topology, TimeProvider time,
    ILogger<Dispatcher> logger)
{
    /// <summary>Sends under way at once; one at a time would cost twice the CPU, more than 20 no less.</summary>
    private const int Parallel = 20;

    private static readonly Counter<long> Published = Telemetry.Meter.CreateCounter<long>("dac.slots.published", "{slot}", "Slots confirmed by the broker");
    private static readonly Counter<long> Undeliverable = Telemetry.Meter.CreateCounter<long>("dac.slots.undeliverable", "{slot}", "Slots for which the broker has no queue");

    /// <summary>Publishes windows and marks them.</summary>
    public async Task PublishAsync(IReadOnlyList<PlannedWindow> windows, CancellationToken cancellationToken)
    {
        if (windows.Count == 0)
            return;
        var unconfirmed = new HashSet<PlannedWindow>();
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(options.Value.SendDeadline);
        var batches = new List<(PlannedWindow Window, ProbeBatch Batch)>();
        foreach (var window in windows)
            await AddBatchesAsync(window, batches, cancellationToken);
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
        if (unconfirmed.Count > 0)
            LogUnconfirmed(logger, unconfirmed.Count, windows.Count);
        await plans.MarkPublishedAsync([.. windows.Where(w => !unconfirmed.Contains(w))], cancellationToken);
    }

    private async Task<bool> SendAsync(ProbeBatch batch, CancellationToken deadline)
    {
        try
        {
            var endpoint = await bus.EndpointAsync(Queues.ProbeUrl(batch.Location, batch.Partition));
            // A command that can't be started in time any more is of no use to anybody.
            var last = batch.Probes.Max(p => p.ScheduledAtMs + p.ToleranceMs) - time.GetUtcNow().ToUnixTimeMilliseconds();
            await endpoint.Send(batch, context => context.TimeToLive = TimeSpan.FromMilliseconds(Math.Max(1, last)), deadline);
            Published.Add(batch.Probes.Count);
            return true;
        }
        catch (MessageReturnedException)
        {
            // Final: no collector of this location has ever been there. Sending again would change nothing.
            Undeliverable.Add(batch.Probes.Count);
            LogUndeliverable(logger, batch.Probes.Count, batch.Location);
            return await ReportUndeliverableAsync(batch, deadline);
        }
        catch (Exception e) when (e is OperationCanceledException or MassTransitException or RabbitMQ.Client.Exceptions.RabbitMQClientException or TimeoutException)
        {
            return false;
        }
    }

    private async Task<bool> ReportUndeliverableAsync(ProbeBatch batch, CancellationToken deadline)
    {
        try
        {
            var endpoint = await bus.EndpointAsync(Queues.ProbeResult);
            await endpoint.Send(
                new ProbeResultBatch
                {
                    Location = batch.Location,
                    Collector = "scheduler",
                    Results =
                    [
                        .. batch.Probes.Select(p => new ProbeResult
                        {
                            TargetId = p.TargetId,
                            ScheduledAtMs = p.ScheduledAtMs,
                            Outcome = Outcome.Undeliverable,
                            Error = $"no collector of location '{batch.Location}' has ever been started",
                        }),
                    ],
                },
                deadline);
            return true;
        }
        catch (Exception e) when (e is OperationCanceledException or MassTransitException or RabbitMQ.Client.Exceptions.RabbitMQClientException or TimeoutException)
        {
            return false;
        }
    }

    private async Task AddBatchesAsync(PlannedWindow window, List<(PlannedWindow, ProbeBatch)> batches, CancellationToken cancellationToken)
    {
        var byLocation = new Dictionary<short, List<ProbeUrl>>();
        foreach (var slot in window.Slots)
        {
            if (await catalogue.FindAsync(slot.TargetId, cancellationToken) is not { } target)
                continue;
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
                    Location = catalogue.Location(location),
                    Partition = window.Partition,
                    Partitions = topology.Value.Partitions,
                    WindowStartMs = window.StartMs,
                    Attempt = window.Attempt,
                    Probes = chunk,
                }));
            }
        }
    }

    private static ProbeUrl Command(PlannedTarget target, long dueMs)
    {
        // A trace begins here and ends with the row; null unless it is sampled.
        using var span = Telemetry.Source.StartActivity("plan slot", ActivityKind.Producer);
        span?.SetTag("dac.target", target.Id).SetTag("dac.slot", DateTimeOffset.FromUnixTimeMilliseconds(dueMs).ToString("O"));
        return new ProbeUrl
        {
            TargetId = target.Id,
            ScheduledAtMs = dueMs,
            Url = target.Target.Url,
            TimeoutMs = target.Target.TimeoutMs,
            ToleranceMs = Schedule.ToleranceMs(target.Target, target.Id, dueMs),
            Regex = target.Target.Regex,
            TraceParent = span is { Recorded: true } ? span.Id : null,
        };
    }

    [LoggerMessage(LogLevel.Warning, "{Unconfirmed} of {Windows} windows were not confirmed by the broker in time; they are published again")]
    private static partial void LogUnconfirmed(ILogger logger, int unconfirmed, int windows);

    [LoggerMessage(LogLevel.Warning, "{Slots} slots are undeliverable: no collector of location {Location} has ever been started")]
    private static partial void LogUndeliverable(ILogger logger, int slots, string location);
}
