namespace Dac.Collector;

/// <summary>
/// Notices when the whole process stood still (SIGSTOP, a suspended machine, a garbage collection of seconds), or its thread pool did (starved of CPU, or of threads): what
/// it measured meanwhile says nothing of the targets.
/// </summary>
public sealed class PauseWatch(TimeProvider time) : IHostedService, IThreadPoolWorkItem, IDisposable
{
    /// <summary>A beat that comes so much later than the one before was held up.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(250);

    // What stands still for 250 ms is seen for certain, and what stands still for less than 150 ms is not.
    private const int BeatMs = 100;

    /// <summary>Pauses that are remembered; a probe lasts 60 s at most.</summary>
    private const int Remembered = 256;

    private readonly Lock _lock = new();
    private readonly Queue<(long From, long To)> _pauses = new();
    // Not the slim one, which spins before each wait.
    private readonly ManualResetEvent _stop = new(false);
    private Thread? _thread;
    private bool _disposed;
    private int _queued;
    private long _beat = time.GetTimestamp();

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        Beat();
        _thread = new Thread(Run) { IsBackground = true, Name = "beat", Priority = ThreadPriority.AboveNormal };
        _thread.Start();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _stop.Set();
        _thread?.Join();
        _thread = null;
        _stop.Dispose();
    }

    /// <summary>A timestamp to ask <see cref="LongestSince"/> with.</summary>
    public long Now => time.GetTimestamp();

    /// <summary>The longest pause that a time from <paramref name="since"/> until now has overlapped; zero where there was none.</summary>
    /// <param name="since">What <see cref="Now"/> was.</param>
    public TimeSpan LongestSince(long since)
    {
        lock (_lock)
        {
            // After a pause this may be asked before the thread has had its turn.
            var longest = _thread is null ? TimeSpan.Zero : Pause(_beat, time.GetTimestamp());
            foreach (var (from, to) in _pauses)
            {
                if (to > since && Pause(from, to) > longest)
                    longest = Pause(from, to);
            }
            return longest;
        }
    }

    internal void Beat()
    {
        lock (_lock)
        {
            var now = time.GetTimestamp();
            if (Pause(_beat, now) > TimeSpan.Zero)
            {
                if (_pauses.Count == Remembered)
                    _pauses.Dequeue();
                _pauses.Enqueue((_beat, now));
            }
            _beat = now;
        }
    }

    void IThreadPoolWorkItem.Execute()
    {
        Volatile.Write(ref _queued, 0);
        Beat();
    }

    // In the pool, where the probes go on: behind all that waits there, as they do.
    private void Run()
    {
        while (!_stop.WaitOne(BeatMs))
        {
            if (Interlocked.Exchange(ref _queued, 1) == 0)
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    private TimeSpan Pause(long from, long to) => time.GetElapsedTime(from, to) is var gap && gap > Limit ? gap : TimeSpan.Zero;
}
