using System.Globalization;

namespace Dac.Collector.Probing;

/// <summary>The body of an answer without its framing (RFC 9112, 6 and 7): of a length, in chunks, or up to the connection's end.</summary>
internal sealed class Http1Body(Http1Connection connection, Http1Framing framing, Measurement measurement) : ForwardStream
{
    // A chunk's size and its extensions.
    private const int MaxLine = 16 * 1024;

    private long _left = framing.Length;
    private bool _behindChunk;

    /// <summary>Whether its end was seen, and the connection is good for another request.</summary>
    public bool Ended { get; private set; } = framing is { Kind: Http1FramingKind.Length, Length: 0 };

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (Ended || buffer.IsEmpty)
            return 0;
        if (framing.Kind == Http1FramingKind.Chunked && _left == 0 && !await NextChunkAsync(cancellationToken))
            return 0;
        if (framing.Kind == Http1FramingKind.Close)
        {
            var last = await connection.ReadAsync(buffer, measurement, cancellationToken);
            Ended = last == 0;
            return last;
        }
        var read = await connection.ReadAsync(buffer[..(int)Math.Min(buffer.Length, _left)], measurement, cancellationToken);
        if (read == 0)
            throw Cut();
        _left -= read;
        Ended = framing.Kind == Http1FramingKind.Length && _left == 0;
        return read;
    }

    /// <summary>Passes over a rest that is here already.</summary>
    public void Skip()
    {
        if (Ended || framing.Kind != Http1FramingKind.Length || _left > connection.Pending.Length)
            return;
        connection.Take((int)_left);
        Ended = true;
    }

    // False at the last one, behind which come the trailers.
    private async ValueTask<bool> NextChunkAsync(CancellationToken timeout)
    {
        if (_behindChunk && (await LineAsync(timeout)).Length > 0)
            throw new InvalidDataException("a chunk is longer than its size");
        _behindChunk = true;
        if ((_left = (await LineAsync(timeout)).Size) < 0)
            throw new InvalidDataException("a chunk's size is no number");
        if (_left > 0)
            return true;
        var trailers = Http1Head.Trailers;
        while (!trailers.Parse(connection.Pending))
            await FillAsync(timeout);
        connection.Take(trailers.Length);
        Ended = true;
        return false;
    }

    // A line's length, and the number that it begins with, -1 where it does with none.
    private async ValueTask<(int Length, long Size)> LineAsync(CancellationToken timeout)
    {
        int feed;
        while ((feed = connection.Pending.IndexOf((byte)'\n')) < 0)
        {
            if (connection.Pending.Length > MaxLine)
                throw new InvalidDataException("a chunk's size takes a line without end");
            await FillAsync(timeout);
        }
        var line = connection.Pending[..(feed > 0 && connection.Pending[feed - 1] == '\r' ? feed - 1 : feed)];
        var read = (line.Length, Size(line));
        connection.Take(feed + 1);
        return read;
    }

    private static long Size(ReadOnlySpan<byte> line)
    {
        var end = line.IndexOfAny(" \t;"u8);
        var number = end < 0 ? line : line[..end];
        var rest = line[number.Length..].TrimStart(" \t"u8);
        // 15 digits are an exabyte.
        return number.Length > 0 && number.TrimStart((byte)'0').Length <= 15 && (rest.IsEmpty || rest[0] == ';') && !rest.Contains((byte)'\r')
            && long.TryParse(number, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var size)
            ? size
            : -1;
    }

    private async ValueTask FillAsync(CancellationToken timeout)
    {
        if (!await connection.FillAsync(measurement, timeout))
            throw Cut();
    }

    private static HttpIOException Cut() => new(HttpRequestError.ResponseEnded, "the connection ended within the body");
}
