using System.Diagnostics.Metrics;
using System.Threading.Channels;
using Dac.Contracts;
using Dac.Hosting;
using MassTransit;
using Microsoft.Extensions.Options;

namespace Dac.Collector;

/// <summary>
/// Publishes results, batched by count and by time, and confirmed. While the broker takes none they wait in a bounded buffer; what does not fit is counted
/// and ends in the ledger as missed(lost).
/// </summary>
public sealed partial class ResultReporter : BackgroundService
{
    /// <summary>Messages under way at once.</summary>
    private const int Parallel = 8;

    private static readonly TimeSpan SendDeadline = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(500);
    private static readonly Counter<long> Reported = Telemetry.Meter.CreateCounter<long>("dac.results.reported", "{result}", "Results confirmed by the broker");
    private static readonly Counter<long> Dropped = Telemetry.Meter.CreateCounter<long>("dac.results.dropped", "{result}", "Results for which the buffer had no room");

    private readonly Channel<(ProbeResult Result, Action Reported)> _buffer;
    private readonly PublishBus _bus;
    private readonly CollectorOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<ResultReporter> _logger;
    private readonly CancellationTokenSource _giveUp = new();
    private long _waiting;
    private bool _failing;

    public ResultReporter(PublishBus bus, IOptions<CollectorOptions> options, TimeProvider time, ILogger<ResultReporter> logger)
    {
        (_bus, _options, _time, _logger) = (bus, options.Value, time, logger);
        _buffer = Channel.CreateBounded<(ProbeResult, Action)>(new BoundedChannelOptions(_options.ReportBuffer) { SingleReader = true });
    }

    /// <summary>Results not yet confirmed.</summary>
    public long Waiting => Interlocked.Read(ref _waiting);

    /// <summary>Takes a result; <paramref name="reported"/> is called when the broker has confirmed it, or when there was no room for it.</summary>
    public void Report(ProbeResult result, Action reported)
    {
        Interlocked.Increment(ref _waiting);
        if (_buffer.Writer.TryWrite((result, reported)))
            return;
        Interlocked.Decrement(ref _waiting);
        Dropped.Add(1);
        reported();
    }

    /// <summary>Publishes what is left, as far as the host's stop timeout allows.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _buffer.Writer.TryComplete();
        await using var stop = cancellationToken.Register(_giveUp.Cancel);
        await (ExecuteTask ?? Task.CompletedTask).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (Waiting > 0)
            LogLeft(_logger, Waiting);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _giveUp.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Until the buffer is completed, not until stopping: the bus stops first and hands over its last results meanwhile.
        while (await _buffer.Reader.WaitToReadAsync(_giveUp.Token))
        {
            if (!_buffer.Reader.Completion.IsCompleted && !stoppingToken.IsCancellationRequested)
                await Task.Delay(_options.ReportDelay, _time, CancellationToken.None);
            var batches = new List<List<(ProbeResult Result, Action Reported)>>(1);
            while (batches.Count < Parallel && Take() is { Count: > 0 } batch)
                batches.Add(batch);
            await Task.WhenAll(batches.Select(SendAsync));
        }
    }

    private List<(ProbeResult Result, Action Reported)> Take()
    {
        var batch = new List<(ProbeResult, Action)>();
        while (batch.Count < _options.ReportSize && _buffer.Reader.TryRead(out var item))
            batch.Add(item);
        return batch;
    }

    private async Task SendAsync(List<(ProbeResult Result, Action Reported)> batch)
    {
        var message = new ProbeResultBatch { Location = _options.Location, Collector = _options.Name, Results = batch.ConvertAll(b => b.Result) };
        while (!await TrySendAsync(message))
            await Task.Delay(RetryDelay, _time, _giveUp.Token);
        Interlocked.Add(ref _waiting, -batch.Count);
        Reported.Add(batch.Count);
        batch.ForEach(b => b.Reported());
    }

    private async Task<bool> TrySendAsync(ProbeResultBatch message)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(_giveUp.Token);
        deadline.CancelAfter(SendDeadline);
        try
        {
            var endpoint = await _bus.EndpointAsync(Queues.ProbeResult);
            await endpoint.Send(message, deadline.Token);
            if (_failing)
                LogRecovered(_logger);
            _failing = false;
            return true;
        }
        catch (Exception e) when (!_giveUp.IsCancellationRequested
            && e is OperationCanceledException or MassTransitException or RabbitMQ.Client.Exceptions.RabbitMQClientException or TimeoutException)
        {
            if (!_failing)
                LogFailing(_logger, e.Message);
            _failing = true;
            return false;
        }
    }

    [LoggerMessage(LogLevel.Warning, "The broker takes no results, they wait: {Reason}")]
    private static partial void LogFailing(ILogger logger, string reason);

    [LoggerMessage(LogLevel.Information, "The broker takes results again")]
    private static partial void LogRecovered(ILogger logger);

    [LoggerMessage(LogLevel.Error, "{Results} results could not be published before the stop; their slots are missed(lost) unless another collector probes them")]
    private static partial void LogLeft(ILogger logger, long results);
}
