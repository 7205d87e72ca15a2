using System.Globalization;
using System.Text;

namespace Dac.Collector.Probing;

/// <summary>Where the body of an answer ends.</summary>
internal enum Http1FramingKind
{
    /// <summary>After so many bytes.</summary>
    Length,

    /// <summary>After the last chunk.</summary>
    Chunked,

    /// <summary>Where the connection does.</summary>
    Close,
}

/// <summary>How the body of an answer is framed (RFC 9112, 6.3).</summary>
/// <param name="Kind">Where it ends.</param>
/// <param name="Length">Its length, where it has one.</param>
/// <param name="Keeps">Whether the connection is good for another request behind it.</param>
internal readonly record struct Http1Framing(Http1FramingKind Kind, long Length, bool Keeps)
{
    /// <summary>Reads it from a head.</summary>
    /// <exception cref="InvalidDataException">The head contradicts itself, or uses what was not asked for.</exception>
    public static Http1Framing Of(in Http1Head head, ReadOnlySpan<byte> bytes, string method)
    {
        var keeps = head.Minor >= 1 && !Closes(head, bytes);
        if (method == "HEAD" || head.Status is 204 or 304)
            return new(Http1FramingKind.Length, 0, keeps && head.Status != 101);
        if (head.Status == 101)
            return new(Http1FramingKind.Close, 0, false);
        var chunked = IsChunked(head, bytes);
        // Both together: the chunks count, and what follows on the connection is not to be trusted.
        if (chunked)
            return new(Http1FramingKind.Chunked, 0, keeps && head.Field(bytes, "Content-Length") is null);
        return ContentLength(head, bytes) is { } length ? new(Http1FramingKind.Length, length, keeps) : new(Http1FramingKind.Close, 0, false);
    }

    private static bool IsChunked(in Http1Head head, ReadOnlySpan<byte> bytes)
    {
        var chunked = false;
        for (var at = 0; head.TryNext(bytes, "Transfer-Encoding", ref at, out var coding);)
        {
            // What RFC 7230 took out, and some servers still say.
            if (coding.SequenceEqual("identity"u8))
                continue;
            if (chunked || !Ascii.EqualsIgnoreCase(coding, "chunked"u8))
                throw new InvalidDataException($"the body's transfer coding '{head.Field(bytes, "Transfer-Encoding")}' was not asked for");
            chunked = true;
        }
        return chunked;
    }

    private static long? ContentLength(in Http1Head head, ReadOnlySpan<byte> bytes)
    {
        long? length = null;
        for (var at = 0; head.TryNext(bytes, "Content-Length", ref at, out var value);)
        {
            foreach (var part in value.Split((byte)','))
            {
                // RFC 9110, 8.6: the same number again may be taken for one.
                if (!long.TryParse(value[part].Trim(" \t"u8), NumberStyles.None, CultureInfo.InvariantCulture, out var number) || (length ?? number) != number)
                    throw new InvalidDataException($"the body's length is given as '{head.Field(bytes, "Content-Length")}'");
                length = number;
            }
        }
        return length;
    }

    private static bool Closes(in Http1Head head, ReadOnlySpan<byte> bytes)
    {
        for (var at = 0; head.TryNext(bytes, "Connection", ref at, out var value);)
        {
            foreach (var part in value.Split((byte)','))
            {
                if (Ascii.EqualsIgnoreCase(value[part].Trim(" \t"u8), "close"u8))
                    return true;
            }
        }
        return false;
    }
}
