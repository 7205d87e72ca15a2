namespace Dac.Collector.Probing;

/// <summary>
/// Passes bytes through and tells of them: when the request was written, and when the first byte of the answer came, where a connection carries one request
/// at a time; and how many came.
/// </summary>
/// <param name="inner">The connection.</param>
/// <param name="sent">Told when something was written, or null where answers and requests overlap.</param>
/// <param name="received">Told how many bytes were read, and whether they are the first behind what was written.</param>
internal sealed class LapStream(Stream inner, Action? sent, Action<int, bool> received) : ForwardStream
{
    private bool _answered = true;

    public override bool CanWrite => true;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await inner.ReadAsync(buffer, cancellationToken);
        // An empty read waits for data without taking any.
        var first = !_answered && (read > 0 || buffer.Length == 0);
        _answered |= first;
        received(read, first);
        return read;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        // Before it is written: on a connection that was kept a read waits already, and may have the answer before this goes on.
        _answered &= sent is null;
        await inner.WriteAsync(buffer, cancellationToken);
        sent?.Invoke();
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override void Flush() => inner.Flush();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }
}
