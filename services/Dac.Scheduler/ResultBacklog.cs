using Dac.Contracts;
using Dac.Hosting;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Dac.Scheduler;

/// <summary>
/// Whether results wait to be written, in the broker or the in-memory bus. Best effort: what a writer holds, or a collector, is not seen.
/// </summary>
public sealed class ResultBacklog(IConfiguration configuration, PublishBus bus) : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    private IConnection? _connection;

    /// <summary>Whether none wait. Null where the broker does not answer.</summary>
    public async Task<bool?> IsEmptyAsync(CancellationToken cancellationToken)
    {
        if (bus.Waiting(Queues.ProbeResult) is { } waiting)
            return waiting == 0;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Deadline);
        try
        {
            if (_connection is not { IsOpen: true })
            {
                await DisposeAsync();
                _connection = await BrokerClient.Factory(configuration["ConnectionStrings:Broker"]!, "scheduler audit").CreateConnectionAsync(deadline.Token);
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
