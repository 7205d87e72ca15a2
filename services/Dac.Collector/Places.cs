namespace Dac.Collector;

/// <summary>So many places. Who finds none waits, first come first served, at most until a deadline.</summary>
/// <remarks>
/// One timer for all who wait: a collector at its limit has thousands of them, and a timer, a cancellation and an exception for each would cost it most when it has
/// least to spare.
/// </remarks>
internal sealed class Places(int count, TimeProvider time) : IDisposable
{
    /// <summary>By how much a deadline may be passed.</summary>
    internal static readonly TimeSpan SweepEach = TimeSpan.FromMilliseconds(20);

    private readonly Lock _lock = new();
    private int _free = count;
    private Queue<Waiter>? _waiting;
    private ITimer? _sweep;

    /// <summary>Takes a place; false where there was none by the deadline.</summary>
    /// <param name="deadline">A timestamp of the clock's.</param>
    public ValueTask<bool> TakeAsync(long deadline)
    {
        lock (_lock)
        {
            if (_free > 0)
            {
                _free--;
                return ValueTask.FromResult(true);
            }
            if (time.GetTimestamp() >= deadline)
                return ValueTask.FromResult(false);
            var waiter = new Waiter(deadline);
            _waiting ??= new Queue<Waiter>();
            _waiting.Enqueue(waiter);
            if (_waiting.Count == 1)
                SweepLater();
            return new ValueTask<bool>(waiter.Task);
        }
    }

    /// <summary>Gives a place back, to the one who has waited longest.</summary>
    public void Free()
    {
        lock (_lock)
        {
            while (_waiting?.TryDequeue(out var next) == true)
            {
                var inTime = next.Deadline > time.GetTimestamp();
                next.SetResult(inTime);
                if (inTime)
                    return;
            }
            _free++;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _sweep?.Dispose();

    private void Sweep()
    {
        lock (_lock)
        {
            var now = time.GetTimestamp();
            for (var left = _waiting!.Count; left > 0; left--)
            {
                var waiter = _waiting.Dequeue();
                if (waiter.Deadline <= now)
                    waiter.SetResult(false);
                else
                    _waiting.Enqueue(waiter);
            }
            if (_waiting.Count > 0)
                SweepLater();
        }
    }

    private void SweepLater()
    {
        _sweep ??= time.CreateTimer(static places => ((Places)places!).Sweep(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _sweep.Change(SweepEach, Timeout.InfiniteTimeSpan);
    }

    // Goes on elsewhere, so that it can be told under the lock.
    private sealed class Waiter(long deadline) : TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public long Deadline => deadline;
    }
}
