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
public sealed partial class PublishBus : IHostedService, IHealthCheck
{
    private readonly IBusControl _bus;
    private readonly bool _own;
    private readonly InMemoryLimit? _limit;
    private readonly ILogger _logger = Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;

    /// <summary>Over RabbitMQ a bus of its own, else the process's one bus.</summary>
    public PublishBus(IServiceProvider services, IConfiguration configuration, BusParts parts, IOptions<TopologyOptions> topology, ILoggerFactory logs)
    {
        if (configuration["ConnectionStrings:Broker"] is not { Length: > 0 } broker)
        {
            _bus = services.GetRequiredService<IBusControl>();
            _limit = new InMemoryLimit();
            _bus.ConnectReceiveObserver(_limit);
            HasStarted = true;
            return;
        }
        _own = true;
        _logger = logs.CreateLogger<PublishBus>();
        LogContext.ConfigureCurrentLogContext(logs);
        _bus = MassTransit.Bus.Factory.CreateUsingRabbitMq(bus =>
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
    }

    /// <summary>Whether it has been connected once: before that, what is sent comes late.</summary>
    public bool HasStarted { get; private set; }

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
            var endpoint = await _bus.GetSendEndpoint(address);
            await endpoint.Send(message, context => context.TimeToLive = timeToLive, deadline);
            return new SendOutcome(Sent.Confirmed, "");
        }
        catch (MessageReturnedException)
        {
            return new SendOutcome(Sent.Returned, $"there is no queue {queue}");
        }
        catch (Exception e)
        {
            return new SendOutcome(Sent.Unknown, e.Message);
        }
    }

    /// <summary>Connects in the background, and again after each loss.</summary>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (_own)
            _ = StartBusAsync();
        return Task.CompletedTask;
    }

    private async Task StartBusAsync()
    {
        try
        {
            await _bus.StartAsync(CancellationToken.None);
            HasStarted = true;
        }
        catch (Exception e)
        {
            // Connecting is tried again by the bus itself; what ends up here is a broker that refuses the queues as we declare them.
            LogStart(_logger, e.Message);
        }
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => _own ? _bus.StopAsync(cancellationToken) : Task.CompletedTask;

    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var health = _bus.CheckHealth();
        return Task.FromResult(health.Status == BusHealthStatus.Healthy ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy(health.Description, health.Exception));
    }

    [LoggerMessage(LogLevel.Error, "The broker refuses our queues or exchanges, nothing can be published. Delete what was declared differently, and restart: {Reason}")]
    private static partial void LogStart(ILogger logger, string reason);
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
