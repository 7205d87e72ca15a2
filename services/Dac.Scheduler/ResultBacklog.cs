using Dac.Contracts;
using Dac.Hosting;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Dac.Scheduler;

/// <summary>
/// Whether results wait in the broker to be written. Best effort: what a writer holds, or a collector, is not seen.
/// </summary>
public sealed class ResultBacklog(IConfiguration configuration) : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    private IConnection? _connection;

    /// <summary>True without a broker: the in-memory bus holds nothing back. Null where the broker does not answer.</summary>
    public async Task<bool?> IsEmptyAsync(CancellationToken cancellationToken)
    {
        if (configuration["ConnectionStrings:Broker"] is not { Length: > 0 } broker)
            return true;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Deadline);
        try
        {
            if (_connection is not { IsOpen: true })
            {
                await DisposeAsync();
                _connection = await BrokerClient.Factory(broker, "scheduler audit").CreateConnectionAsync(deadline.Token);
            }
            await using var channel = await _connection.CreateChannelAsync(cancellationToken: deadline.Token);
            return (await channel.QueueDeclarePassiveAsync(Queues.ProbeResult, deadline.Token)).MessageCount == 0;
        }
        catch (Exception e) when (e is RabbitMQClientException or OperationCanceledException or IOException && !cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
            await _connection.DisposeAsync();
        _connection = null;
    }
}
