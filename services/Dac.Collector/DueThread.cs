namespace Dac.Collector;

/// <summary>
/// One thread that waits for the next due slot and hands it to the pool at its millisecond: never early, and not late when the pool is busy, as timers
/// would be.
/// </summary>
public sealed class DueThread(TimeProvider time) : IHostedService, IDisposable
{
    /// <summary>Longest wait, in ms: a clock that is set forward is noticed by then.</summary>
    private const int MaxWaitMs = 1_000;

    private readonly PriorityQueue<Slot, long> _queue = new();
    private readonly Lock _lock = new();
    private readonly AutoResetEvent _earlier = new(false);
    private Thread? _thread;
    private bool _disposed;
    private long _waitingForMs;
    private volatile bool _stopped;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _thread = new Thread(Run) { IsBackground = true, Name = "due", Priority = ThreadPriority.AboveNormal };
        _thread.Start();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        _stopped = true;
        _earlier.Set();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        // A start that was refused is disposed without being stopped.
        _stopped = true;
        _earlier.Set();
        _thread?.Join();
        _earlier.Dispose();
    }

    internal void Add(List<Slot> slots)
    {
        if (slots.Count == 0)
            return;
        bool wake;
        lock (_lock)
        {
            foreach (var slot in slots)
                _queue.Enqueue(slot, slot.ScheduledAtMs);
            wake = _queue.TryPeek(out _, out var first) && first < _waitingForMs;
        }
        if (wake)
            _earlier.Set();
    }

    private void Run()
    {
        while (!_stopped)
            _earlier.WaitOne(StartDue());
    }

    // Starts all that is due and returns how long to wait for the next, in ms, rounded up: never early.
    private int StartDue()
    {
        lock (_lock)
        {
            while (true)
            {
                var now = (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks;
                if (!_queue.TryPeek(out var slot, out var dueMs))
                {
                    _waitingForMs = long.MaxValue;
                    return MaxWaitMs;
                }
                var left = dueMs * TimeSpan.TicksPerMillisecond - now;
                if (left > 0)
                {
                    _waitingForMs = dueMs;
                    return (int)Math.Min(MaxWaitMs, (left + TimeSpan.TicksPerMillisecond - 1) / TimeSpan.TicksPerMillisecond);
                }
                _queue.Dequeue();
                ThreadPool.UnsafeQueueUserWorkItem(slot, preferLocal: false);
            }
        }
    }
}
