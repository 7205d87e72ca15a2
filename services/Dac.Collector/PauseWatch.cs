namespace Dac.Collector;

/// <summary>
/// Notices when the whole process stood still (SIGSTOP, a suspended machine, a garbage collection of seconds), or its thread pool did (starved of CPU, or of threads): what
/// it measured meanwhile says nothing of the targets.
/// </summary>
/// <remarks>It beats while a probe is under way, and rests half a second after the last: an idle process must not be woken for nothing.</remarks>
public sealed class PauseWatch(TimeProvider time) : IHostedService, IThreadPoolWorkItem, IDisposable
{
    /// <summary>A beat that comes so much later than the one before was held up.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(250);

    // What stands still for 250 ms is seen for certain, and what stands still for less than 200 ms is not.
    private const int BeatMs = 50;

    /// <summary>Beats without a probe under way after which it rests: at a pace of probes it must not be woken for each.</summary>
    private const int RestAfter = 10;

    /// <summary>Pauses that are remembered; a probe lasts 60 s at most.</summary>
    private const int Remembered = 256;

    private readonly Lock _lock = new();
    private readonly Queue<(long From, long To)> _pauses = new();
    // Not a slim one, which spins before each wait.
    private readonly AutoResetEvent _wake = new(false);
    private Thread? _thread;
    private volatile bool _stopped;
    private bool _disposed;
    private int _queued;
    private int _underWay;
    private int _rests;
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
        _stopped = true;
        _wake.Set();
        _thread?.Join();
        _thread = null;
        _wake.Dispose();
    }

    /// <summary>Whether it rests.</summary>
    internal bool Rests => Volatile.Read(ref _rests) != 0;

    /// <summary>Watches over a probe, from now until what is returned is disposed.</summary>
    public Watched Begin()
    {
        Interlocked.Increment(ref _underWay);
        if (Volatile.Read(ref _rests) != 0)
            Wake();
        return new Watched(this, time.GetTimestamp());
    }

    private TimeSpan LongestSince(long since)
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

    private void Wake()
    {
        lock (_lock)
        {
            if (_rests == 0)
                return;
            // The rest was no pause.
            _beat = time.GetTimestamp();
            Volatile.Write(ref _rests, 0);
        }
        _wake.Set();
    }

    // Beats in the pool, where the probes go on: behind all that waits there, as they do.
    private void Run()
    {
        for (var quiet = 0; !_stopped;)
        {
            quiet = Volatile.Read(ref _underWay) == 0 ? quiet + 1 : 0;
            if (quiet > RestAfter)
            {
                Rest();
                quiet = 0;
            }
            else if (!_wake.WaitOne(BeatMs) && Interlocked.Exchange(ref _queued, 1) == 0)
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    private void Rest()
    {
        Interlocked.Exchange(ref _rests, 1);
        // Who begins counts first and looks then whether it rests.
        if (Volatile.Read(ref _underWay) > 0)
            Wake();
        _wake.WaitOne();
    }

    private TimeSpan Pause(long from, long to) => time.GetElapsedTime(from, to) is var gap && gap > Limit ? gap : TimeSpan.Zero;

    /// <summary>A probe that is watched over.</summary>
    public readonly struct Watched : IDisposable
    {
        private readonly PauseWatch _watch;
        private readonly long _since;

        internal Watched(PauseWatch watch, long since) => (_watch, _since) = (watch, since);

        /// <summary>The longest pause that it has overlapped until now; zero where there was none.</summary>
        public TimeSpan LongestPause => _watch.LongestSince(_since);

        /// <inheritdoc/>
        public void Dispose() => Interlocked.Decrement(ref _watch._underWay);
    }
}
