using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text.Json;
using System.Threading.Channels;
using Dac.Contracts;
using Dac.Hosting;
using Dac.Storage;
using Dac.Storage.Model;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace Dac.Writer;

/// <summary>
/// Group commit: messages gather for <see cref="WriterOptions.BatchDelay"/> and while a statement runs, up to <see cref="WriterOptions.BatchRows"/> rows.
/// While the database is away the messages stay unacknowledged, and the broker keeps the rest.
/// </summary>
public sealed partial class ResultWriter : BackgroundService, IHealthCheck
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SeenEvery = TimeSpan.FromSeconds(10);

    /// <summary>Names that are remembered; a restarted collector has a new one.</summary>
    private const int MaxSeen = 10_000;

    /// <summary>Longest name of a location or a collector that is taken; the longest that DAC gives is shorter.</summary>
    private const int MaxName = 300;

    private static readonly Counter<long> Stored = Telemetry.Meter.CreateCounter<long>("dac.results.stored", "{result}", "Rows inserted, or replacing one of a lower class");
    private static readonly Counter<long> Duplicates = Telemetry.Meter.CreateCounter<long>("dac.results.duplicate", "{result}", "Results for slots that had their row already");
    private static readonly Counter<long> Parked = Telemetry.Meter.CreateCounter<long>("dac.results.parked", "{result}", "Results that the database refused");
    private static readonly Histogram<int> Rows = Telemetry.Meter.CreateHistogram<int>("dac.writer.rows", "{result}", "Rows in a statement");
    private static readonly Histogram<double> Lag = Telemetry.Meter.CreateHistogram<double>("dac.writer.lag", "s", "From a slot's planned time to its row, of the oldest in a statement");

    private static readonly Histogram<double> Statement = Telemetry.Meter.CreateHistogram<double>("dac.writer.statement", "s", "What the database takes for a statement");

    private readonly Channel<Pending> _pending;
    private readonly IResultStore _store;
    private readonly IDbContextFactory<DacDbContext> _contexts;
    private readonly NameIds _names;
    private readonly WriteGate _gate;
    private readonly TimeProvider _time;
    private readonly WriterOptions _options;
    private readonly ILogger<ResultWriter> _logger;
    private readonly Dictionary<string, long> _seen = [];
    private TaskCompletionSource _enough = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _waiting;
    private int _waitingRows;
    private string? _outage;

    public ResultWriter(
        IResultStore store, IDbContextFactory<DacDbContext> contexts, NameIds names, WriteGate gate, IOptions<WriterOptions> options, TimeProvider time,
        ILogger<ResultWriter> logger)
    {
        (_store, _contexts, _names, _gate, _time, _logger, _options) = (store, contexts, names, gate, time, logger, options.Value);
        _pending = Channel.CreateBounded<Pending>(new BoundedChannelOptions(_options.Prefetch) { SingleReader = true });
    }

    /// <summary>Messages taken and not yet committed.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Stores a batch together with what else is waiting; completes with the commit.</summary>
    public async Task StoreAsync(ProbeResultBatch batch)
    {
        // Refused here, also by a result that can't be read, it goes to the error queue; further on it would hold up all that is stored with it.
        if (batch is not { Location.Length: > 0 and <= MaxName, Collector.Length: > 0 and <= MaxName, Results: not null } || batch.Location.Contains('\0') || batch.Collector.Contains('\0'))
            throw new ArgumentException("The message is no batch of results: location, collector or results are missing, or a name too long.", nameof(batch));
        var pending = new Pending(batch, [.. batch.Results], new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        Interlocked.Increment(ref _waiting);
        try
        {
            await _pending.Writer.WriteAsync(pending);
            if (Interlocked.Add(ref _waitingRows, pending.Results.Count) >= _options.BatchRows || Waiting >= _options.Prefetch)
                _enough.TrySetResult();
            await pending.Committed.Task;
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(_outage is null ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy($"the database takes no results: {_outage}"));

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (await _pending.Reader.WaitToReadAsync(stoppingToken))
            {
                await Task.WhenAny(_enough.Task, Task.Delay(_options.BatchDelay, _time, stoppingToken));
                _enough = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                var (group, rows) = (new List<Pending>(), 0);
                for (; rows < _options.BatchRows && _pending.Reader.TryRead(out var pending); rows += pending.Results.Count)
                    group.Add(pending);
                // What is left was reason enough, and no more of it need come.
                if (Interlocked.Add(ref _waitingRows, -rows) >= _options.BatchRows)
                    _enough.TrySetResult();
                await CommitAsync(group, stoppingToken);
                group.ForEach(p => p.Committed.SetResult());
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The bus has stopped before this does, and with it all that wrote into the channel.
        }
    }

    private async Task CommitAsync(List<Pending> group, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                var rows = await RowsAsync(group, cancellationToken);
                using var spans = new StoreSpans(rows);
                var begun = _time.GetTimestamp();
                var stored = await StoreAsync(rows, cancellationToken);
                Statement.Record(_time.GetElapsedTime(begun).TotalSeconds);
                await SeenAsync(group, cancellationToken);
                Count(group, rows, stored);
                if (_outage is not null)
                    LogBack(_logger);
                _outage = null;
                return;
            }
            // Whatever it is, mostly an outage: what is not committed is not acknowledged, and tried again.
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                if (_outage is null)
                    LogAway(_logger, e.Message);
                _outage = e.Message;
                await Task.Delay(RetryDelay, _time, cancellationToken);
            }
        }
    }

    // That a collector lives, and how far its clock is off.
    private async Task SeenAsync(List<Pending> group, CancellationToken cancellationToken)
    {
        foreach (var batch in group.Select(p => p.Batch).DistinctBy(b => b.Collector))
        {
            if (_seen.TryGetValue(batch.Collector, out var last) && _time.GetElapsedTime(last) < SeenEvery)
                continue;
            var id = await _names.CollectorAsync(batch.Collector, cancellationToken);
            var now = _time.GetUtcNow();
            using var turn = await _gate.EnterAsync();
            await using var db = await _contexts.CreateDbContextAsync(cancellationToken);
            await db.Collectors.Where(c => c.Id == id).ExecuteUpdateAsync(s => s.SetProperty(c => c.SeenAt, now).SetProperty(c => c.ClockOffsetMs, batch.ClockOffsetMs), cancellationToken);
            if (_seen.Count >= MaxSeen)
                _seen.Clear();
            _seen[batch.Collector] = _time.GetTimestamp();
        }
    }

    // One row for each slot, of the highest class; in key order, so that two writers never wait for each other in a circle.
    private async Task<List<ResultRow>> RowsAsync(List<Pending> group, CancellationToken cancellationToken)
    {
        var rows = new List<ResultRow>(group.Sum(p => p.Results.Count));
        foreach (var (batch, results, _) in group)
        {
            var location = await _names.LocationAsync(batch.Location, cancellationToken);
            var collector = await _names.CollectorAsync(batch.Collector, cancellationToken);
            foreach (var result in results)
                rows.Add(new ResultRow(location, collector, result));
        }
        rows.Sort(static (a, b) => a.Key.CompareTo(b.Key) is not 0 and var order ? order : b.Result.Outcome.Class().CompareTo(a.Result.Outcome.Class()));
        var kept = 0;
        for (var i = 0; i < rows.Count; i++)
        {
            if (kept == 0 || rows[i].Key != rows[kept - 1].Key)
                rows[kept++] = rows[i];
        }
        rows.RemoveRange(kept, rows.Count - kept);
        return rows;
    }

    // A row that is refused is found by halving, and parked alone.
    private async Task<int> StoreAsync(List<ResultRow> rows, CancellationToken cancellationToken)
    {
        try
        {
            return await _store.WriteAsync(rows, cancellationToken);
        }
        catch (RowsRefusedException e) when (rows.Count == 1)
        {
            await ParkAsync(rows[0], e.Message, cancellationToken);
            return 0;
        }
        catch (RowsRefusedException)
        {
            var half = rows.Count / 2;
            return await StoreAsync(rows[..half], cancellationToken) + await StoreAsync(rows[half..], cancellationToken);
        }
    }

    private async Task ParkAsync(ResultRow row, string reason, CancellationToken cancellationToken)
    {
        using var turn = await _gate.EnterAsync();
        await using var db = await _contexts.CreateDbContextAsync(cancellationToken);
        db.Add(new ParkedResult
        {
            ParkedAt = _time.GetUtcNow(),
            Reason = reason,
            Payload = JsonSerializer.Serialize(
                new ProbeResultBatch { Location = $"#{row.LocationId}", Collector = $"#{row.CollectorId}", Results = [row.Result] }, ContractJson.Default.ProbeResultBatch),
        });
        await db.SaveChangesAsync(cancellationToken);
        Parked.Add(1);
        LogParked(_logger, row.Result.TargetId, row.Result.ScheduledAtMs, reason);
    }

    private void Count(List<Pending> group, List<ResultRow> rows, int stored)
    {
        if (rows.Count == 0)
            return;
        Stored.Add(stored);
        Duplicates.Add(group.Sum(p => p.Results.Count) - stored);
        Rows.Record(rows.Count);
        Lag.Record((_time.GetUtcNow().ToUnixTimeMilliseconds() - rows.Min(r => r.Result.ScheduledAtMs)) / 1000.0);
    }

    [LoggerMessage(LogLevel.Error, "The database takes no results, the broker keeps them meanwhile: {Reason}")]
    private static partial void LogAway(ILogger logger, string reason);

    [LoggerMessage(LogLevel.Information, "The database takes results again")]
    private static partial void LogBack(ILogger logger);

    [LoggerMessage(LogLevel.Error, "Result of target {TargetId} at {ScheduledAtMs} was refused and is parked in parked_result: {Reason}")]
    private static partial void LogParked(ILogger logger, long targetId, long scheduledAtMs, string reason);

    private sealed record Pending(ProbeResultBatch Batch, List<ProbeResult> Results, TaskCompletionSource Committed);

    /// <summary>The last span of each sampled slot's trace.</summary>
    private sealed class StoreSpans(List<ResultRow> rows) : IDisposable
    {
        private readonly List<Activity?> _spans =
        [
            .. rows.Where(r => r.Result.TraceParent is not null).Select(r =>
                Telemetry.Source.StartActivity("store", ActivityKind.Consumer, r.Result.TraceParent)?.SetTag("dac.target", r.Result.TargetId)),
        ];

        public void Dispose() => _spans.ForEach(s => s?.Dispose());
    }
}
