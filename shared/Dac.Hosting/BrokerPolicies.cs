using Dac.Contracts;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client.Exceptions;

namespace Dac.Hosting;

/// <summary>
/// Ready once the broker has the policies that bound the queues. AMQP can't ask for policies: <c>infra/rabbitmq/definitions.json</c> brings an exchange with
/// them, that says so.
/// </summary>
public sealed partial class BrokerPolicies(IConfiguration configuration, BusParts parts, ILogger<BrokerPolicies> logger) : IHealthCheck
{
    private const string Remedy = "the broker has no policies for DAC, its queues are unbounded: load them with 'rabbitmqctl import_definitions infra/rabbitmq/definitions.json'";

    private bool _found;
    private bool _told;

    /// <inheritdoc/>
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (_found)
            return HealthCheckResult.Healthy();
        try
        {
            var factory = BrokerClient.Factory(configuration["ConnectionStrings:Broker"]!, $"{parts.Service} policies");
            await using var connection = await factory.CreateConnectionAsync(cancellationToken);
            await using var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken);
            await channel.ExchangeDeclarePassiveAsync(Queues.Policies, cancellationToken);
            _found = true;
            return HealthCheckResult.Healthy();
        }
        catch (OperationInterruptedException)
        {
            if (!_told)
                LogMissing(logger, Remedy);
            _told = true;
            return HealthCheckResult.Unhealthy(Remedy);
        }
        catch (Exception e) when (e is RabbitMQClientException or IOException)
        {
            return HealthCheckResult.Unhealthy($"the broker can't be asked: {e.Message}");
        }
    }

    [LoggerMessage(LogLevel.Error, "Not ready: {Remedy}")]
    private static partial void LogMissing(ILogger logger, string remedy);
}
