using System.Runtime.InteropServices;

namespace Dac.Collector;

/// <summary>
/// One thread that waits for the next due slot and starts it at its millisecond, by itself or, where many are due, by the pool: never early, and not late when the pool
/// is busy, as timers would be.
/// </summary>
/// <remarks>
/// What a stop of the process left overdue is not started all at once, which would measure the herd and not the targets: a <see cref="Frame"/> starts
/// <see cref="FramePlan"/> of the plan, or half of what is overdue where that is more. What is overdue by more than <see cref="MaxHeldUp"/> is not held up.
/// </remarks>
public sealed partial class DueThread(TimeProvider time) : IHostedService, IDisposable
{
    /// <summary>Longest wait: a clock that is set forward is noticed by then.</summary>
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(1);

    /// <summary>The step in which what is overdue starts.</summary>
    internal static readonly TimeSpan Frame = TimeSpan.FromMilliseconds(12);

    /// <summary>What of the plan a <see cref="Frame"/> starts at least: no 10 ms hold twice the mean, though the pool holds up a few and a start takes up to 2 ms.</summary>
    internal static readonly TimeSpan FramePlan = TimeSpan.FromMilliseconds(16);

    /// <summary>
    /// Overdue by more than this, a slot starts at once, and holds up nobody: its tolerance matters more, and it comes from a stop of seconds, or from a collector that died.
    /// </summary>
    internal static readonly TimeSpan MaxHeldUp = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// The last of a wait, which is slept by the system's own clock, to the microsecond: an event's has milliseconds. It can't be ended: a slot that comes
    /// with so little time left may be so much late.
    /// </summary>
    private static readonly TimeSpan Nap = TimeSpan.FromMilliseconds(4);

    /// <summary>For so long after it woke it starts by itself what is due, which saves waking a thread of the pool. What is due after that is started by the pool.</summary>
    private static readonly TimeSpan OwnStarts = TimeSpan.FromMicroseconds(500);

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
        _thread.UnsafeStart();
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
        // A start that hangs must not hold up the end of the process.
        if (_thread?.Join(MaxWait * 5) == false)
            return;
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
        var woke = time.GetTimestamp();
        while (!_stopped)
        {
            if (Next(out var left) is not { } slot)
            {
                Wait(left);
                woke = time.GetTimestamp();
            }
            else if (time.GetElapsedTime(woke) < OwnStarts)
                slot.Execute();
            else
                ThreadPool.UnsafeQueueUserWorkItem(slot, preferLocal: false);
        }
    }

    // The next that is due; null where none is, and how long there is to wait for it.
    private Slot? Next(out TimeSpan left)
    {
        lock (_lock)
        {
            left = MaxWait;
            _waitingForMs = long.MaxValue;
            if (!_queue.TryPeek(out _, out var dueMs))
                return null;
            var (due, now) = (Due(dueMs), Now);
            left = TimeSpan.FromTicks(Math.Min(MaxWait.Ticks, IsHeldUp(due, now) ? _frameStart + Frame.Ticks - now : due - now));
            if (left <= TimeSpan.Zero)
                return _queue.Dequeue();
            _waitingForMs = dueMs;
            return null;
        }
    }

    // Never shorter, so that nothing is early. What an event is late by is taken from the nap.
    private void Wait(TimeSpan left)
    {
        if (left > Nap)
            _earlier.WaitOne(left - Nap / 2);
        else if (OperatingSystem.IsWindows())
            _earlier.WaitOne((int)Math.Ceiling(left.TotalMilliseconds));
        else
            _ = usleep((uint)Math.Ceiling(left.TotalMicroseconds));
    }

    [LibraryImport("libc")]
    private static partial int usleep(uint microseconds);

    private long Now => (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks;

    private static long Due(long ms) => ms * TimeSpan.TicksPerMillisecond;

    private bool IsEarlier() => _queue.TryPeek(out _, out var first) && first < _waitingForMs;

    // It is due, and the frame has had its share.
    private bool IsHeldUp(long due, long now) => due <= now && due > _frameEnd && IsInFrame(now) && now - due <= MaxHeldUp.Ticks;

    // A clock that was set back is in none.
    private bool IsInFrame(long now) => now >= _frameStart && now - _frameStart < Frame.Ticks;
}
