using Dac.Contracts;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Dac.Faults.Injection;

/// <summary>
/// Delivers messages twice: a queue of its own hangs on the exchanges of commands and results, and what comes is sent once more to the queue that it was for.
/// </summary>
public static class Duplicator
{
    /// <summary>Does so for a time; returns how many messages were repeated.</summary>
    public static async Task<int> RunAsync(Uri broker, TimeSpan time, int partitions)
    {
        var repeated = 0;
        try
        {
            await using var connection = await new ConnectionFactory { Uri = broker, AutomaticRecoveryEnabled = false }.CreateConnectionAsync();
            await using var channel = await connection.CreateChannelAsync();
            await using var back = await connection.CreateChannelAsync();
            var consumer = new AsyncEventingBasicConsumer(channel);
            // The exchange that it came by has the name of the queue; past it, by the default exchange, the copy does not come here again.
            consumer.ReceivedAsync += async (_, message) =>
            {
                await back.BasicPublishAsync("", message.Exchange, false, new BasicProperties(message.BasicProperties), message.Body);
                Interlocked.Increment(ref repeated);
            };
            var shadow = (await channel.QueueDeclareAsync(exclusive: true, autoDelete: true)).QueueName;
            foreach (var exchange in Enumerable.Range(0, partitions).Select(p => Queues.ProbeUrl("default", p)).Append(Queues.ProbeResult))
                await channel.QueueBindAsync(shadow, exchange, "");
            await channel.BasicConsumeAsync(shadow, autoAck: true, consumer);
            await Task.Delay(time);
        }
        catch (Exception e) when (e is RabbitMQClientException or IOException or OperationCanceledException)
        {
            // The broker went away under it: another fault's doing.
        }
        return repeated;
    }
}
