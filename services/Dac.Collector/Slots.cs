using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text.Json;
using Dac.Collector.Probing;
using Dac.Contracts;
using Dac.Hosting;
using Dac.Targets;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace Dac.Collector;

/// <summary>The slots that this collector holds, by key. A slot that is delivered again joins the one under way.</summary>
public sealed partial class Slots(
    DueThread due, ProbeRunner runner, ResultReporter reporter, ClockOffset clock, IOptions<CollectorOptions> options, IOptions<TopologyOptions> topology, TimeProvider time,
    ILogger<Slots> logger) : IHostedService, IHealthCheck
{
    private static readonly Counter<long> Received = Telemetry.Meter.CreateCounter<long>("dac.slots.received", "{slot}", "Slots taken from the broker");
    private static readonly UpDownCounter<int> Held = Telemetry.Meter.CreateUpDownCounter<int>("dac.slots.held", "{slot}", "Slots received and not yet reported");

    private readonly ConcurrentDictionary<(long TargetId, long ScheduledAtMs), Slot> _held = new();
    private int _otherPartitions;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Waits for the probes that have outlived their batch: it is acknowledged, so nobody else would report them.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        while (!_held.IsEmpty && !cancellationToken.IsCancellationRequested)
            await Task.Delay(TimeSpan.FromMilliseconds(50), time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Number of slots received and not yet reported.</summary>
    public int Count => _held.Count;

    /// <summary>Takes over a batch; completes when it may be acknowledged.</summary>
    public async Task AcceptAsync(ProbeBatch batch)
    {
        if (batch is not { Location: not null, Probes.Count: > 0 })
            throw new ArgumentException("The message is no batch of commands: location or commands are missing.", nameof(batch));
        var reported = new Countdown(batch.Probes.Count);
        var (slots, tolerance) = Read(batch, reported);
        if (batch.Partitions != topology.Value.Partitions && Interlocked.Exchange(ref _otherPartitions, batch.Partitions) != batch.Partitions)
            LogPartitions(logger, topology.Value.Partitions, batch.Partitions);
        Received.Add(slots.Count);
        LogTaken(logger, slots.Count, batch.Partition, batch.Location, batch.Attempt);
        if (batch.SentAtMs is { } sent)
            clock.Observe(sent);
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        slots.RemoveAll(slot => !TryHold(slot, reported, now));
        due.Add(slots);
        var lastStart = batch.WindowStartMs + Schedule.WindowMs + tolerance;
        var patience = TimeSpan.FromMilliseconds(Math.Max(0, lastStart - now));
        await reported.Task.WaitAsync(patience, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    // Of a command its key alone is read before it is due: a batch with one that has none is refused as a whole.
    private (List<Slot> Slots, int Tolerance) Read(ProbeBatch batch, Countdown reported)
    {
        var (slots, tolerance) = (new List<Slot>(batch.Probes.Count), 0);
        foreach (var key in batch.Keys())
        {
            tolerance = Math.Max(tolerance, key.ToleranceMs);
            slots.Add(new Slot(key.TargetId, key.ScheduledAtMs, batch.Probes, slots.Count, reported, this));
        }
        return (slots, tolerance);
    }

    // False where it is held already, or is reported at once.
    private bool TryHold(Slot slot, Countdown reported, long nowMs)
    {
        var held = _held.GetOrAdd(slot.Key, slot);
        if (held != slot)
        {
            held.AlsoOf(reported);
            return false;
        }
        Held.Add(1);
        if (slot.ScheduledAtMs - nowMs <= options.Value.MaxAhead.TotalMilliseconds)
            return true;
        Report(slot, new ProbeResult { TargetId = slot.TargetId, ScheduledAtMs = slot.ScheduledAtMs, Outcome = Outcome.Clock, Error = "the slot lies too far ahead of the collector's clock" });
        return false;
    }

    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(_otherPartitions == 0
            ? HealthCheckResult.Healthy()
            : HealthCheckResult.Unhealthy($"Topology:Partitions is {topology.Value.Partitions} here and {_otherPartitions} at the scheduler: set it to {_otherPartitions}"));

    internal Task RunAsync(Slot slot)
    {
        if (!due.MayStart(slot))
            return Task.CompletedTask;
        ProbeUrl probe;
        try
        {
            probe = slot.Probe;
        }
        // Whatever it is: the slot gets its row, the others of its batch are probed, and the pool's thread has no exception, which would end the process.
        catch (Exception e)
        {
            var flags = ProbeRemarks.None;
            var error = Text.Storable($"the collector can't read the command: {e.Message}", Measurement.MaxError, ref flags);
            Report(slot, new ProbeResult { TargetId = slot.TargetId, ScheduledAtMs = slot.ScheduledAtMs, Outcome = Outcome.InternalFault, Error = error, Flags = flags });
            // A log may block, and this may be the thread that starts all others.
            return Task.Run(() => LogUnreadable(logger, slot.TargetId, e.Message));
        }
        return runner.RunAsync(probe, result => Report(slot, result));
    }

    private void Report(Slot slot, ProbeResult result) =>
        reporter.Report(result, () =>
        {
            // Removed first: a delivery that comes now finds a slot that is done, or none.
            if (_held.TryRemove(slot.Key, out _))
                Held.Add(-1);
            slot.Reported();
        });

    [LoggerMessage(LogLevel.Debug, "Took {Slots} slots of partition {Partition} at {Location}, attempt {Attempt}")]
    private static partial void LogTaken(ILogger logger, int slots, int partition, string location, int attempt);

    [LoggerMessage(LogLevel.Error, "The command of target {TargetId} can't be read. Are scheduler and collector of the same version? {Reason}")]
    private static partial void LogUnreadable(ILogger logger, long targetId, string reason);

    [LoggerMessage(LogLevel.Error, "Topology:Partitions is {Mine} here and {Theirs} at the scheduler: some partitions have no collector. Set it to {Theirs}")]
    private static partial void LogPartitions(ILogger logger, int mine, int theirs);
}

/// <summary>One slot held: due at its millisecond, then probed. Tens of thousands are held at once, for seconds.</summary>
internal sealed class Slot(long targetId, long scheduledAtMs, IReadOnlyList<ProbeUrl> commands, int index, Countdown batch, Slots slots) : IThreadPoolWorkItem
{
    private List<Countdown>? _others;
    private bool _reported;

    public long TargetId => targetId;

    public long ScheduledAtMs => scheduledAtMs;

    public (long TargetId, long ScheduledAtMs) Key => (targetId, scheduledAtMs);

    /// <summary>Its command, read anew each time.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public ProbeUrl Probe => commands[index];

    /// <summary>It was delivered again, as one of another batch.</summary>
    public void AlsoOf(Countdown other)
    {
        lock (batch)
        {
            if (!_reported)
            {
                (_others ??= []).Add(other);
                return;
            }
        }
        other.Signal();
    }

    public void Reported()
    {
        lock (batch)
            _reported = true;
        batch.Signal();
        _others?.ForEach(c => c.Signal());
    }

    public void Execute() => _ = slots.RunAsync(this);
}

/// <summary>A task that ends when so many signals have come.</summary>
internal sealed class Countdown(int count)
{
    private readonly TaskCompletionSource _source = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _count = count;

    public Task Task => _source.Task;

    public void Signal()
    {
        if (Interlocked.Decrement(ref _count) == 0)
            _source.SetResult();
    }
}
