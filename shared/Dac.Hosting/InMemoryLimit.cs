using System.Collections.Concurrent;
using MassTransit;

namespace Dac.Hosting;

/// <summary>
/// What the broker's policies are to RabbitMQ: without it the in-memory transport takes whatever comes, and a database that takes nothing would fill the memory. A queue
/// that is full refuses, as the broker's queues of results do; its sender keeps and counts what is refused. For messages that never expire: those that do
/// are few by their age.
/// </summary>
internal sealed class InMemoryLimit : IReceiveObserver
{
    /// <summary>Messages of one queue, those being consumed included: of 256 results each 65,000, some 20 MB; at 9,000/s what comes within 7 s.</summary>
    public const int Messages = 256;

    private readonly ConcurrentDictionary<string, Count> _queues = new(StringComparer.Ordinal);

    /// <summary>Counts a message that is about to be sent; false where there is no room for it.</summary>
    public bool TryEnter(string queue)
    {
        var held = _queues.GetOrAdd(queue, _ => new Count());
        if (Interlocked.Increment(ref held.Messages) > Messages)
        {
            Interlocked.Decrement(ref held.Messages);
            Interlocked.Increment(ref held.Refused);
            return false;
        }
        Interlocked.Increment(ref held.Sent);
        return true;
    }

    /// <summary>A message has not been sent after all.</summary>
    public void Leave(string queue)
    {
        if (_queues.TryGetValue(queue, out var held))
        {
            Interlocked.Decrement(ref held.Messages);
            Interlocked.Decrement(ref held.Sent);
        }
    }

    /// <summary>How many messages a queue was sent since the start, how many of them consumers have taken, and how many more it has refused.</summary>
    public (long Sent, long Taken, long Refused) Passed(string queue) =>
        _queues.TryGetValue(queue, out var held) ? (Volatile.Read(ref held.Sent), Volatile.Read(ref held.Taken), Volatile.Read(ref held.Refused)) : default;

    /// <inheritdoc/>
    public Task PreReceive(ReceiveContext context)
    {
        if (_queues.TryGetValue(context.InputAddress.Segments[^1], out var held))
            Interlocked.Increment(ref held.Taken);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task PostReceive(ReceiveContext context)
    {
        if (_queues.TryGetValue(context.InputAddress.Segments[^1], out var held))
            Interlocked.Decrement(ref held.Messages);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task ReceiveFault(ReceiveContext context, Exception exception) => PostReceive(context);

    /// <inheritdoc/>
    public Task PostConsume<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType)
        where T : class => Task.CompletedTask;

    /// <inheritdoc/>
    public Task ConsumeFault<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType, Exception exception)
        where T : class => Task.CompletedTask;

    private sealed class Count
    {
        public int Messages;
        public long Sent, Taken, Refused;
    }
}
