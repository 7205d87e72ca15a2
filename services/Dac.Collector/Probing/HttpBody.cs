using System.Buffers;
using System.IO.Compression;
using System.Text;
using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>Reads a body, decompressed, up to its limit.</summary>
internal static class HttpBody
{
    /// <summary>Reads it all, and returns its text where that is asked for and it is not too large.</summary>
    public static async Task<string?> ReadAsync(HttpAnswer answer, Measurement measurement, int limit, BodyMemory.Share? memory, CancellationToken timeout)
    {
        await using var stream = await OpenAsync(answer, timeout);
        var buffer = ArrayPool<byte>.Shared.Rent(16 * 1024);
        try
        {
            using var kept = memory is not null ? new MemoryStream() : null;
            var size = 0;
            measurement.Bytes = 0;
            for (int read; (read = await ReadAsync(stream, buffer, timeout)) > 0;)
            {
                measurement.Bytes = size += read;
                if (size > limit)
                {
                    measurement.Fail(Outcome.TooLarge, $"the body is larger than {limit} bytes");
                    return null;
                }
                if (kept is null)
                    continue;
                await memory!.GrowAsync(size, measurement, timeout);
                kept.Write(buffer, 0, read);
            }
            measurement.Lap(Phase.Transfer);
            return kept is null ? null : Charset(answer).GetString(kept.GetBuffer(), 0, (int)kept.Length);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static async ValueTask<int> ReadAsync(Stream stream, byte[] buffer, CancellationToken timeout)
    {
        try
        {
            return await stream.ReadAsync(buffer, timeout);
        }
        // Brotli's way of saying that its data are invalid.
        catch (InvalidOperationException e) when (e is not ObjectDisposedException)
        {
            throw new InvalidDataException(e.Message, e);
        }
    }

    // RFC 9110, 8.4.1: the coding that was applied last stands last.
    private static async ValueTask<Stream> OpenAsync(HttpAnswer answer, CancellationToken timeout)
    {
        var stream = await answer.BodyAsync(timeout);
        if (answer.Header("Content-Encoding") is not { Length: > 0 } codings)
            return stream;
        var applied = codings.Split(',', StringSplitOptions.TrimEntries);
        if (applied.Length > 2)
            throw new InvalidDataException($"the body is encoded {applied.Length} times over");
        foreach (var coding in applied.Reverse())
        {
            stream = coding.ToLowerInvariant() switch
            {
                "gzip" or "x-gzip" => new GZipStream(stream, CompressionMode.Decompress),
                "br" => new BrotliStream(stream, CompressionMode.Decompress),
                "deflate" => await InflateAsync(stream, timeout),
                "identity" => stream,
                _ => throw new InvalidDataException($"the body's content coding '{coding}' was not asked for"),
            };
        }
        return stream;
    }

    // RFC 9110, 8.4.1.2 says zlib, and some servers leave its two bytes of header out.
    private static async Task<Stream> InflateAsync(Stream stream, CancellationToken timeout)
    {
        var first = new byte[2];
        var read = await stream.ReadAtLeastAsync(first, 2, throwOnEndOfStream: false, timeout);
        var whole = new PrefixStream(first.AsMemory(0, read), stream);
        return read == 2 && (first[0] & 0x0F) == 8 && ((first[0] << 8) | first[1]) % 31 == 0
            ? new ZLibStream(whole, CompressionMode.Decompress)
            : new DeflateStream(whole, CompressionMode.Decompress);
    }

    private static Encoding Charset(HttpAnswer answer)
    {
        try
        {
            return answer.Charset?.Trim('"') is { Length: > 0 } name ? Encoding.GetEncoding(name) : Encoding.UTF8;
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            // A name that nobody knows, or one that is no longer read, such as UTF-7: most of the web is UTF-8.
            return Encoding.UTF8;
        }
    }
}
