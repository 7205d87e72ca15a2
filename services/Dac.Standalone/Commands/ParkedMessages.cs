using System.CommandLine;
using System.Globalization;
using System.Text;
using Dac.Contracts;
using Dac.Hosting;
using Dac.Storage;
using Microsoft.EntityFrameworkCore;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Dac.Standalone.Commands;

/// <summary>A message that no service could read.</summary>
internal sealed record ParkedMessage(string Queue, string At, string Reason, string Text);

/// <summary>The broker's error queues: where a message goes that a consumer threw on. Nothing where no broker is named.</summary>
internal sealed class ParkedMessages : IAsyncDisposable
{
    private const int MaxText = 200;

    private readonly IConnection? _connection;
    private readonly IReadOnlyList<string> _queues;

    private ParkedMessages(IConnection? connection, IReadOnlyList<string> queues) => (_connection, _queues) = (connection, queues);

    public static Option<string?> Option() => new("--broker")
    {
        Description = "AMQP URI of the broker. Default: ConnectionStrings__Broker, or none",
        HelpName = "URI",
    };

    /// <summary>Connects, where a broker is named.</summary>
    /// <exception cref="StartRefusedException">It does not answer.</exception>
    public static async Task<ParkedMessages> OpenAsync(IServiceProvider services, string? broker, CancellationToken cancellationToken)
    {
        broker ??= services.GetRequiredService<IConfiguration>()["ConnectionStrings:Broker"];
        if (string.IsNullOrEmpty(broker))
            return new ParkedMessages(null, []);
        await using var db = await services.GetRequiredService<IDbContextFactory<DacDbContext>>().CreateDbContextAsync(cancellationToken);
        var partitions = await db.Topology.Select(t => t.Partitions).SingleAsync(cancellationToken);
        var locations = await db.Locations.Select(l => l.Name).ToListAsync(cancellationToken);
        var queues = locations.SelectMany(l => Enumerable.Range(0, partitions).Select(p => Queues.ProbeUrl(l, p))).Prepend(Queues.ProbeResult);
        try
        {
            var factory = BrokerClient.Factory(broker, "dac parked");
            return new ParkedMessages(await factory.CreateConnectionAsync(cancellationToken), [.. queues.SelectMany(q => (string[])[$"{q}_error", $"{q}_skipped"])]);
        }
        catch (Exception e) when (e is RabbitMQClientException or UriFormatException or IOException)
        {
            throw new StartRefusedException($"The broker does not answer ({e.Message}): give --broker amqp://user:password@host:5672.");
        }
    }

    /// <summary>Reads without taking: what was read goes back to its queue.</summary>
    public async IAsyncEnumerable<ParkedMessage> ReadAsync(int limit, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var queue in _queues)
        {
            // Closing the channel gives everything back.
            await using var channel = await OpenAsync(queue, cancellationToken);
            for (var i = 0; i < limit && channel is not null && await channel.BasicGetAsync(queue, autoAck: false, cancellationToken) is { } message; i++)
            {
                var text = Encoding.UTF8.GetString(message.Body.Span);
                yield return new ParkedMessage(queue, Header(message, "MT-Fault-Timestamp"), Header(message, "MT-Fault-Message"), text.Length > MaxText ? text[..MaxText] + "…" : text);
            }
        }
    }

    /// <summary>Puts messages back where they came from; returns their number.</summary>
    public Task<int> ReplayAsync(CancellationToken cancellationToken) => EachAsync(async (channel, queue, message) =>
    {
        var properties = new BasicProperties(message.BasicProperties);
        foreach (var fault in properties.Headers?.Keys.Where(k => k.StartsWith("MT-Fault-", StringComparison.Ordinal)).ToList() ?? [])
            properties.Headers!.Remove(fault);
        await channel.BasicPublishAsync(queue[..queue.LastIndexOf('_')], "", mandatory: true, properties, message.Body, cancellationToken);
    }, cancellationToken);

    /// <summary>Drops messages; returns their number.</summary>
    public Task<int> DropAsync(CancellationToken cancellationToken) => EachAsync((_, _, _) => Task.CompletedTask, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
            await _connection.DisposeAsync();
    }

    private async Task<int> EachAsync(Func<IChannel, string, BasicGetResult, Task> act, CancellationToken cancellationToken)
    {
        var done = 0;
        foreach (var queue in _queues)
        {
            await using var channel = await OpenAsync(queue, cancellationToken);
            if (channel is null)
                continue;
            // Only what is there now: what fails again comes back to the same queue.
            var there = await channel.MessageCountAsync(queue, cancellationToken);
            for (var i = 0; i < there && await channel.BasicGetAsync(queue, autoAck: false, cancellationToken) is { } message; i++, done++)
            {
                await act(channel, queue, message);
                await channel.BasicAckAsync(message.DeliveryTag, multiple: false, cancellationToken);
            }
        }
        return done;
    }

    // A queue that nothing was parked in does not exist.
    private async Task<IChannel?> OpenAsync(string queue, CancellationToken cancellationToken)
    {
        var channel = await _connection!.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true), cancellationToken);
        try
        {
            await channel.QueueDeclarePassiveAsync(queue, cancellationToken);
            return channel;
        }
        catch (OperationInterruptedException)
        {
            await channel.DisposeAsync();
            return null;
        }
    }

    private static string Header(BasicGetResult message, string name) => message.BasicProperties.Headers?.TryGetValue(name, out var value) == true
        ? value is byte[] text ? Encoding.UTF8.GetString(text) : Convert.ToString(value, CultureInfo.InvariantCulture) ?? ""
        : "";
}
