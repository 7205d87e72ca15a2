namespace Dac.Storage;

/// <summary>
/// SQLite has one writer at a time. Within the process the gate gives the planner precedence, since a plan that comes late is a missed slot
/// while a result can wait. Open, and free of charge, on PostgreSQL.
/// </summary>
public sealed class WriteGate(bool oneWriter)
{
    private static readonly Turn Free = new(null);

    private readonly Lock _lock = new();
    private readonly Queue<TaskCompletionSource> _urgent = new();
    private readonly Queue<TaskCompletionSource> _others = new();
    private bool _taken;

    /// <summary>Waits for the turn; disposing what is returned passes it on. Waiters are few: each writer has one statement under way.</summary>
    public async ValueTask<Turn> EnterAsync(bool urgent = false)
    {
        if (!oneWriter)
            return Free;
        TaskCompletionSource waiter;
        lock (_lock)
        {
            if (!_taken)
            {
                _taken = true;
                return new Turn(this);
            }
            waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            (urgent ? _urgent : _others).Enqueue(waiter);
        }
        await waiter.Task;
        return new Turn(this);
    }

    private void Leave()
    {
        lock (_lock)
        {
            if (_urgent.TryDequeue(out var next) || _others.TryDequeue(out next))
                next.SetResult();
            else
                _taken = false;
        }
    }

    /// <summary>The right to write, until disposed.</summary>
    public sealed class Turn : IDisposable
    {
        private readonly WriteGate? _gate;

        internal Turn(WriteGate? gate) => _gate = gate;

        /// <inheritdoc/>
        public void Dispose() => _gate?.Leave();
    }
}
