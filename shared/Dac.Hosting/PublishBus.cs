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
/// The bus that one sends with. A send returns once the broker has confirmed it; one without a queue throws
/// <see cref="MessageReturnedException"/>. Queues and exchanges that are sent to are declared at start.
/// </summary>
public sealed class PublishBus : IHostedService, IHealthCheck
{
    private readonly IBusControl _bus;
    private readonly bool _own;

    /// <summary>Over RabbitMQ a bus of its own, else the process's one bus.</summary>
    public PublishBus(IServiceProvider services, IConfiguration configuration, BusParts parts, IOptions<TopologyOptions> topology, ILoggerFactory logs)
    {
        if (configuration["ConnectionStrings:Broker"] is not { Length: > 0 } broker)
        {
            _bus = services.GetRequiredService<IBusControl>();
            return;
        }
        _own = true;
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

    /// <summary>The endpoint of a queue. Addressed by its exchange: MassTransit would redeclare a queue as a classic one.</summary>
    public Task<ISendEndpoint> EndpointAsync(string queue) => _bus.GetSendEndpoint(new Uri($"exchange:{queue}"));

    /// <summary>Connects in the background, and again after each loss.</summary>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (_own)
            _ = _bus.StartAsync(CancellationToken.None);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => _own ? _bus.StopAsync(cancellationToken) : Task.CompletedTask;

    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var health = _bus.CheckHealth();
        return Task.FromResult(health.Status == BusHealthStatus.Healthy ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy(health.Description, health.Exception));
    }
}
