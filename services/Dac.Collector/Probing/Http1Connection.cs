using System.Buffers;
using System.Diagnostics;
using System.Net.Sockets;

namespace Dac.Collector.Probing;

/// <summary>One connection of HTTP/1.1, and what was read from it and is still to be looked at. Every byte that it reads counts against a limit.</summary>
internal sealed class Http1Connection(NetworkStream socket, Stream stream, Uri url) : IDisposable
{
    private const int MaxPending = HttpExchange.MaxHeadKilobytes * 1024;

    private const int BufferSize = 4_096;

    private readonly long _opened = Stopwatch.GetTimestamp();
    private long _used = Stopwatch.GetTimestamp();
    private byte[] _buffer = [];
    private int _head, _kept, _start, _end;
    private long _allowed;
    private Task<int>? _ahead;

    /// <summary>What was read and not taken yet.</summary>
    public Span<byte> Pending => _buffer.AsSpan(_start.._end);

    /// <summary>The head that was kept.</summary>
    public ReadOnlySpan<byte> Head => _buffer.AsSpan(_head.._kept);

    /// <summary>Whether it is one to this place, and young enough.</summary>
    public bool IsUsable(Uri place) =>
        url.Port == place.Port && url.Scheme == place.Scheme && url.IdnHost == place.IdnHost && _start == _end && Stopwatch.GetElapsedTime(_used) < HttpExchange.MaxIdle && Stopwatch.GetElapsedTime(_opened) < HttpExchange.MaxAge;

    /// <summary>Whether no byte of an answer has come yet.</summary>
    public bool IsSilent => _end == 0;

    /// <summary>
    /// Begins to read before anything was asked; false where there is something to read: an end, or words that nobody asked for, which would be taken for an
    /// answer. Of TLS the socket alone would not tell: what was decrypted, or came along with the answer before, is in the stream.
    /// </summary>
    public bool Listen(CancellationToken timeout)
    {
        Open();
        _ahead = stream.ReadAsync(_buffer, timeout).AsTask();
        return !_ahead.IsCompleted;
    }

    private bool IsReadable => socket.Socket.Poll(0, SelectMode.SelectRead);

    /// <summary>Sends a request, and reads the head of its answer, which stays at <see cref="Head"/>; null where the connection ended without a byte of it.</summary>
    public async ValueTask<Http1Head?> AskAsync(ReadOnlyMemory<byte> request, Measurement measurement, CancellationToken timeout)
    {
        (_head, _kept, _start, _end, _allowed) = (0, 0, 0, 0, long.MaxValue);
        Open();
        await stream.WriteAsync(request, timeout);
        measurement.Lap(Phase.Request);
        if (!await FillAsync(measurement, timeout))
            return null;
        measurement.Lap(Phase.FirstByte);
        var skipped = 0;
        while (true)
        {
            var head = new Http1Head();
            while (!head.Parse(Pending))
            {
                if (!await FillAsync(measurement, timeout))
                    throw new HttpIOException(HttpRequestError.ResponseEnded, "the connection ended within the headers");
            }
            if ((skipped += head.Length) > MaxPending)
                throw HttpExchange.TooLarge(measurement, body: false);
            (_head, _kept, _start) = (_start, _start + head.Length, _start + head.Length);
            // RFC 9110, 15.2: what is said in between is passed over; after 101 nothing comes that would be HTTP.
            if (head.Status is < 100 or 101 or >= 200)
                return head;
        }
    }

    /// <summary>From here on it is the body that is read, of at most so many bytes.</summary>
    public void Limit(long bytes) => _allowed = bytes;

    /// <summary>Reads more behind what is pending, up to the limit of a head; false at the connection's end.</summary>
    public async ValueTask<bool> FillAsync(Measurement measurement, CancellationToken timeout)
    {
        if (_end - _start >= MaxPending)
            throw HttpExchange.TooLarge(measurement, body: false);
        if (_end == _buffer.Length)
            MakeRoom();
        var read = await NextAsync(timeout);
        Count(read, measurement);
        _end += read;
        return read > 0;
    }

    /// <summary>Reads what is pending, and then what comes.</summary>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, Measurement measurement, CancellationToken timeout)
    {
        if (_start < _end)
        {
            var count = Math.Min(buffer.Length, _end - _start);
            Pending[..count].CopyTo(buffer.Span);
            _start += count;
            return count;
        }
        var read = await stream.ReadAsync(buffer, timeout);
        Count(read, measurement);
        return read;
    }

    /// <summary>Takes from what is pending.</summary>
    public void Take(int bytes) => _start += bytes;

    /// <summary>
    /// Rests until the next request, with its buffer unless that has grown: the framework's socket does not let go of what it read into last, so that a pool would
    /// have to make a new one for the next, which grows old with this connection.
    /// </summary>
    public void Rest()
    {
        _used = Stopwatch.GetTimestamp();
        if (_buffer.Length > BufferSize)
            Return();
        (_head, _kept, _start, _end) = (0, 0, 0, 0);
    }

    /// <summary>
    /// Ends it where the server was asked to: who closes first keeps the port in TIME_WAIT. The measurement does not wait for that.
    /// </summary>
    public void Part()
    {
        if (IsReadable)
            Dispose();
        else
            Farewell.Begin(socket.Socket, this);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        stream.Dispose();
        if (_ahead is { } ahead)
        {
            // It may write into the buffer yet, which nobody else must have by then.
            _buffer = [];
            _ = ahead.ContinueWith(a => a.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
        Return();
    }

    private ValueTask<int> NextAsync(CancellationToken timeout)
    {
        if (_ahead is not { } ahead)
            return stream.ReadAsync(_buffer.AsMemory(_end), timeout);
        _ahead = null;
        return new ValueTask<int>(ahead);
    }

    private void Open()
    {
        if (_buffer.Length == 0)
            _buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
    }

    private void Return()
    {
        if (_buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        (_head, _kept, _start, _end) = (0, 0, 0, 0);
    }

    private void Count(int read, Measurement measurement)
    {
        if ((_allowed -= read) < 0)
            throw HttpExchange.TooLarge(measurement, body: true);
    }

    // The head stays where it is.
    private void MakeRoom()
    {
        var free = _start - _kept;
        if (free > 0)
        {
            Pending.CopyTo(_buffer.AsSpan(_kept));
            (_start, _end) = (_start - free, _end - free);
            return;
        }
        var larger = ArrayPool<byte>.Shared.Rent(_buffer.Length * 2);
        _buffer.AsSpan(0, _end).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}
