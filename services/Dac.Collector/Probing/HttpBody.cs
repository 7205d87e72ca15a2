using System.Buffers;
using System.Text;
using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>Reads a body, decompressed, up to its limit.</summary>
internal static class HttpBody
{
    /// <summary>Reads it all, and returns its text where that is asked for and it is not too large.</summary>
    public static async Task<string?> ReadAsync(HttpResponseMessage response, Measurement measurement, int limit, bool keep, CancellationToken cancellationToken)
    {
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = ArrayPool<byte>.Shared.Rent(16 * 1024);
        try
        {
            using var kept = keep ? new MemoryStream() : null;
            var size = 0;
            measurement.Bytes = 0;
            for (int read; (read = await stream.ReadAsync(buffer, cancellationToken)) > 0;)
            {
                measurement.Bytes = size += read;
                if (size > limit)
                {
                    measurement.Fail(Outcome.TooLarge, $"the body is larger than {limit} bytes");
                    return null;
                }
                kept?.Write(buffer, 0, read);
            }
            return kept is null ? null : Charset(response).GetString(kept.GetBuffer(), 0, (int)kept.Length);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static Encoding Charset(HttpResponseMessage response)
    {
        try
        {
            return response.Content.Headers.ContentType?.CharSet?.Trim('"') is { Length: > 0 } name ? Encoding.GetEncoding(name) : Encoding.UTF8;
        }
        catch (ArgumentException)
        {
            // A name that nobody knows: most of the web is UTF-8.
            return Encoding.UTF8;
        }
    }
}
