using Dac.Contracts;
using MassTransit;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Dac.Hosting;

/// <summary>
/// The bus that one sends with. A send ends once the broker has confirmed it or returned it for want of a queue. Queues and exchanges that are sent to are declared at start.
/// </summary>
public sealed partial class PublishBus : IHostedService, IHealthCheck, IDisposable
{
    /// <summary>A connection that looks well and on which nothing is confirmed for so long is given up: three send deadlines, and two heartbeats.</summary>
    public static readonly TimeSpan RecycleAfter = TimeSpan.FromSeconds(20);

    /// <summary>Sends that the client has not let go of. Some 20 kB each.</summary>
    private const int MaxUnderWay = 2_000;

    private readonly Func<IBusControl>? _create;
    private readonly TimeProvider _time;
    private readonly InMemoryLimit? _limit;
    private readonly ILogger _logger = Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;
    private readonly SemaphoreSlim _turn = new(1);
    private readonly CancellationTokenSource _stopping = new();
    private volatile IBusControl _bus;
    private long _unansweredSince;
    private int _underWay;

    /// <summary>Over RabbitMQ a bus of its own, else the process's one bus.</summary>
    public PublishBus(IServiceProvider services, IConfiguration configuration, BusParts parts, IOptions<TopologyOptions> topology, TimeProvider time, ILoggerFactory logs)
    {
        _time = time;
        if (configuration["ConnectionStrings:Broker"] is not { Length: > 0 } broker)
        {
            _bus = services.GetRequiredService<IBusControl>();
            _limit = new InMemoryLimit();
            _bus.ConnectReceiveObserver(_limit);
            HasStarted = true;
            return;
        }
        _logger = logs.CreateLogger<PublishBus>();
        LogContext.ConfigureCurrentLogContext(logs);
        _create = () => MassTransit.Bus.Factory.CreateUsingRabbitMq(bus =>
        {
            Bus.Configure(bus, new Uri(broker), $"{parts.Service} publishing");
            bus.DeployPublishTopology = true;
            bus.Publish<ProbeResultBatch>(p => p.BindQueue(Queues.ProbeResult, Queues.ProbeResult, q => q.SetQuorumQueue()));
            bus.Publish<ProbeBatch>(p =>
            {
                for (var partition = 0; partition < topology.Value.Partitions; partition++)
                {
                    var queue = Queues.ProbeUrl(Bus.DefaultLocation, partition);
                    p.BindQueue(queue, queue, q => q.SetQuorumQueue());
                }
            });
        });
        _bus = _create();
    }

    /// <summary>Whether it has been connected once: before that, what is sent comes late.</summary>
    public bool HasStarted { get; private set; }

    /// <summary>
    /// Messages that never expire and were sent to a queue of the in-memory bus since the start, how many of them were taken by a consumer, and how many more were refused; null
    /// over RabbitMQ, whose queues the broker knows.
    /// </summary>
    public (long Sent, long Taken, long Refused)? Passed(string queue) => _limit?.Passed(queue);

    /// <summary>
    /// Sends to a queue. Addressed by its exchange: MassTransit would redeclare a queue as a classic one. Whatever goes wrong on the way, including bugs of
    /// the client that come as exceptions of any type, means one thing to the sender: unknown, to be sent again.
    /// </summary>
    /// <param name="queue">One of <see cref="Queues"/>.</param>
    /// <param name="message">The message.</param>
    /// <param name="timeToLive">When the broker may drop it; null: never.</param>
    /// <param name="deadline">Ends the waiting for the confirm.</param>
    public async Task<SendOutcome> SendAsync<T>(string queue, T message, TimeSpan? timeToLive, CancellationToken deadline)
        where T : class
    {
        var limit = timeToLive is null ? _limit : null;
        if (limit?.TryEnter(queue) == false)
            return new SendOutcome(Sent.Unknown, $"{InMemoryLimit.Messages} messages wait in {queue}");
        var outcome = await SendAsync(new Uri($"exchange:{queue}"), queue, message, timeToLive, deadline);
        if (outcome.Sent != Sent.Confirmed)
            limit?.Leave(queue);
        return outcome;
    }

    private async Task<SendOutcome> SendAsync<T>(Uri address, string queue, T message, TimeSpan? timeToLive, CancellationToken deadline)
        where T : class
    {
        try
        {
            await DeliverAsync(address, message, timeToLive, deadline).WaitAsync(deadline);
            Answered();
            return new SendOutcome(Sent.Confirmed, "");
        }
        catch (MessageReturnedException)
        {
            Answered();
            return new SendOutcome(Sent.Returned, $"there is no queue {queue}");
        }
        catch (Exception e)
        {
            Unanswered();
            return new SendOutcome(Sent.Unknown, e.Message);
        }
    }

    // The client does not always let go at the deadline: while the broker has blocked its connection, or while it connects. Whoever sends must not wait for it.
    private async Task DeliverAsync<T>(Uri address, T message, TimeSpan? timeToLive, CancellationToken deadline)
        where T : class
    {
        if (Interlocked.Increment(ref _underWay) > MaxUnderWay)
        {
            Interlocked.Decrement(ref _underWay);
            throw new TimeoutException($"{MaxUnderWay} sends are not answered yet");
        }
        try
        {
            var endpoint = await _bus.GetSendEndpoint(address);
            await endpoint.Send(message, context => context.TimeToLive = timeToLive, deadline);
        }
        finally
        {
            Interlocked.Decrement(ref _underWay);
        }
    }

    /// <summary>Connects in the background, and again after each loss.</summary>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (_create is not null)
            _ = StartBusAsync();
        return Task.CompletedTask;
    }

    private async Task StartBusAsync()
    {
        try
        {
            await _bus.StartAsync(_stopping.Token);
            HasStarted = true;
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // Told to stop while the broker was not there.
        }
        catch (Exception e)
        {
            // Connecting is tried again by the bus itself; what ends up here is a broker that refuses the queues as we declare them.
            LogStart(_logger, e.Message);
        }
    }

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_create is null)
            return;
        await _stopping.CancelAsync();
        // Not given back: nothing is recycled any more.
        await _turn.WaitAsync(cancellationToken);
        await _bus.StopAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stopping.Dispose();
        _turn.Dispose();
    }

    private void Answered() => Interlocked.Exchange(ref _unansweredSince, 0);

    // A connection that is lost is not meant: that one comes back by itself.
    private void Unanswered()
    {
        var now = _time.GetTimestamp();
        var since = Interlocked.CompareExchange(ref _unansweredSince, now, 0);
        if (_create is not null && since != 0 && _time.GetElapsedTime(since, now) > RecycleAfter && _bus.CheckHealth().Status == BusHealthStatus.Healthy && _turn.Wait(0))
            _ = RecycleAsync();
    }

    // A new bus, since the old one's stop waits for the confirms that do not come.
    private async Task RecycleAsync()
    {
        LogRecycled(_logger, RecycleAfter.TotalSeconds);
        try
        {
            var old = _bus;
            _bus = _create!();
            Answered();
            await StartBusAsync();
            await old.StopAsync(RecycleAfter);
        }
        // Nobody waits for this: whatever it is must be told.
        catch (Exception e)
        {
            LogOld(_logger, e.Message);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var health = _bus.CheckHealth();
        return Task.FromResult(health.Status == BusHealthStatus.Healthy ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy(health.Description, health.Exception));
    }

    [LoggerMessage(LogLevel.Error, "The broker refuses our queues or exchanges, nothing can be published. Delete what was declared differently, and restart: {Reason}")]
    private static partial void LogStart(ILogger logger, string reason);

    [LoggerMessage(LogLevel.Warning, "The broker has confirmed nothing for {Seconds} s, the connection for publishing is made anew")]
    private static partial void LogRecycled(ILogger logger, double seconds);

    [LoggerMessage(LogLevel.Warning, "The connection on which nothing was confirmed could not be closed properly: {Reason}")]
    private static partial void LogOld(ILogger logger, string reason);
}

/// <summary>What became of a send.</summary>
public enum Sent
{
    /// <summary>The broker has it.</summary>
    Confirmed,

    /// <summary>The broker has no queue for it; sending again would change nothing.</summary>
    Returned,

    /// <summary>Not known: no connection, no answer in time.</summary>
    Unknown,
}

/// <summary>What became of a send, and why.</summary>
public readonly record struct SendOutcome(Sent Sent, string Reason);
