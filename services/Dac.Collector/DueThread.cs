namespace Dac.Collector;

/// <summary>
/// One thread that waits for the next due slot and hands it to the pool at its millisecond: never early, and not late when the pool is busy, as timers
/// would be.
/// </summary>
/// <remarks>
/// What a stop of the process left overdue is not started all at once, which would measure the herd and not the targets: a <see cref="Frame"/> starts
/// <see cref="FramePlan"/> of the plan, or half of what is overdue where that is more. What is overdue by more than <see cref="MaxHeldUp"/> is not held up.
/// </remarks>
public sealed class DueThread(TimeProvider time) : IHostedService, IDisposable
{
    /// <summary>Longest wait, in ms: a clock that is set forward is noticed by then.</summary>
    private const int MaxWaitMs = 1_000;

    /// <summary>The step in which what is overdue starts.</summary>
    internal static readonly TimeSpan Frame = TimeSpan.FromMilliseconds(12);

    /// <summary>What of the plan a <see cref="Frame"/> starts at least: no 10 ms hold twice the mean, though the pool holds up a few and a start takes up to 2 ms.</summary>
    internal static readonly TimeSpan FramePlan = TimeSpan.FromMilliseconds(16);

    /// <summary>
    /// Overdue by more than this, a slot starts at once, and holds up nobody: its tolerance matters more, and it comes from a stop of seconds, or from a collector that died.
    /// </summary>
    internal static readonly TimeSpan MaxHeldUp = TimeSpan.FromMilliseconds(100);

    private readonly PriorityQueue<Slot, long> _queue = new();
    private readonly Lock _lock = new();
    private readonly AutoResetEvent _earlier = new(false);
    private Thread? _thread;
    private bool _disposed;
    private long _waitingForMs;
    private long _frameStart;
    private long _frameEnd;
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
        lock (_lock)
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
            wake = IsEarlier();
        }
        if (wake)
            _earlier.Set();
    }

    /// <summary>Whether a slot whose turn has come in the pool starts now. Where not, it waits for the next frame: the pool may have stood still as well.</summary>
    internal bool MayStart(Slot slot)
    {
        lock (_lock)
        {
            var (due, now) = (Due(slot.ScheduledAtMs), Now);
            // After a stop nobody would let it go.
            if (_stopped || now - due > MaxHeldUp.Ticks)
                return true;
            if (!IsInFrame(now))
                (_frameStart, _frameEnd) = (now, due + Math.Max(FramePlan.Ticks, (now - due) / 2));
            if (!IsHeldUp(due, now))
                return true;
            _queue.Enqueue(slot, slot.ScheduledAtMs);
            if (IsEarlier())
                _earlier.Set();
            return false;
        }
    }

    private void Run()
    {
        while (!_stopped)
            _earlier.WaitOne(StartDue());
    }

    // Starts what is due and returns how long to wait for the next, in ms, rounded up: never early.
    private int StartDue()
    {
        lock (_lock)
        {
            while (_queue.TryPeek(out var slot, out var dueMs))
            {
                var (due, now) = (Due(dueMs), Now);
                var left = IsHeldUp(due, now) ? _frameStart + Frame.Ticks - now : due - now;
                if (left > 0)
                {
                    _waitingForMs = dueMs;
                    return (int)Math.Min(MaxWaitMs, (left + TimeSpan.TicksPerMillisecond - 1) / TimeSpan.TicksPerMillisecond);
                }
                _queue.Dequeue();
                ThreadPool.UnsafeQueueUserWorkItem(slot, preferLocal: false);
            }
            _waitingForMs = long.MaxValue;
            return MaxWaitMs;
        }
    }

    private long Now => (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks;

    private static long Due(long ms) => ms * TimeSpan.TicksPerMillisecond;

    private bool IsEarlier() => _queue.TryPeek(out _, out var first) && first < _waitingForMs;

    // It is due, and the frame has had its share.
    private bool IsHeldUp(long due, long now) => due <= now && due > _frameEnd && IsInFrame(now) && now - due <= MaxHeldUp.Ticks;

    // A clock that was set back is in none.
    private bool IsInFrame(long now) => now >= _frameStart && now - _frameStart < Frame.Ticks;
}
