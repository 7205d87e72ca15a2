using System.Buffers;
using System.Buffers.Text;
using System.Text;
using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>A request of HTTP/1.1 (RFC 9112, 3), encoded into a pooled buffer.</summary>
internal sealed class Http1Request : IDisposable
{
    private static readonly SearchValues<char> Token = SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(1_024);
    private int _length;

    /// <param name="call">What to send.</param>
    /// <param name="http">The target's options.</param>
    /// <param name="measurement">Told where the request is one that can't be sent.</param>
    public Http1Request(HttpCall call, HttpOptions? http, Measurement measurement)
    {
        try
        {
            Write(call, http);
        }
        catch (FormatException e)
        {
            Dispose();
            measurement.Fail(Outcome.Unprobeable, e.Message);
            throw new HttpRequestException(e.Message, e);
        }
    }

    /// <summary>The request as it is sent.</summary>
    public ReadOnlyMemory<byte> Bytes => _buffer.AsMemory(0, _length);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    private void Write(HttpCall call, HttpOptions? http)
    {
        var (url, headers) = (call.Url, call.Headers);
        Line(call.Method, url.PathAndQuery);
        if (!Has(headers, "Host"))
            Host(url);
        foreach (var (name, value) in headers ?? [])
            Field(name, value);
        if (!Has(headers, "User-Agent"))
            Field("User-Agent", HttpExchange.UserAgent);
        if (!Has(headers, "Accept"))
            Raw("Accept: */*\r\n"u8);
        if (http?.Compression != false && !Has(headers, "Accept-Encoding"))
            Raw("Accept-Encoding: gzip, br, deflate\r\n"u8);
        // The server closes, so that it and not the collector keeps the port in TIME_WAIT.
        if (http?.ReuseConnection != true)
            Raw("Connection: close\r\n"u8);
        if (call.Body is not null && !Has(headers, "Content-Type"))
            Raw("Content-Type: text/plain; charset=utf-8\r\n"u8);
        if (call.Body is not null || call.Method is "POST" or "PUT" or "PATCH")
            ContentLength(Encoding.UTF8.GetByteCount(call.Body ?? ""));
        Raw("\r\n"u8);
        if (call.Body is { } body)
            _length += Encoding.UTF8.GetBytes(body, Room(Encoding.UTF8.GetMaxByteCount(body.Length)));
    }

    private void Line(string method, string target)
    {
        if (method.Length == 0 || method.AsSpan().ContainsAnyExcept(Token))
            throw new FormatException($"'{method}' is not a method");
        if (target.AsSpan().ContainsAnyExceptInRange('!', '~'))
            throw new FormatException("the URL's path has a character in it that can't be sent");
        Latin(method);
        Raw(" "u8);
        Latin(target);
        Raw(" HTTP/1.1\r\n"u8);
    }

    private void Host(Uri url)
    {
        var v6 = url.HostNameType == UriHostNameType.IPv6;
        Raw(v6 ? "Host: ["u8 : "Host: "u8);
        Latin(url.IdnHost);
        if (v6)
            Raw("]"u8);
        if (!url.IsDefaultPort)
        {
            Raw(":"u8);
            Number(url.Port);
        }
        Raw("\r\n"u8);
    }

    // The definition was checked where it was saved; a command may come from elsewhere, and a line break would be a header of its own.
    private void Field(string name, string value)
    {
        if (name.Length == 0 || name.AsSpan().ContainsAnyExcept(Token))
            throw new FormatException($"'{name}' is not the name of a header");
        if (Same(name, "Content-Length") || Same(name, "Transfer-Encoding") || Same(name, "Connection"))
            throw new FormatException($"the header {name} is set by the prober itself");
        foreach (var c in value)
        {
            if (c is (< ' ' and not '\t') or '\x7f' or > '\xff')
                throw new FormatException($"the header {name} has a character in it that can't be sent");
        }
        Latin(name);
        Raw(": "u8);
        Latin(value);
        Raw("\r\n"u8);
    }

    private void ContentLength(int length)
    {
        Raw("Content-Length: "u8);
        Number(length);
        Raw("\r\n"u8);
    }

    private void Number(int number)
    {
        Utf8Formatter.TryFormat(number, Room(10), out var written);
        _length += written;
    }

    private void Raw(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Room(bytes.Length));
        _length += bytes.Length;
    }

    private void Latin(string text) => _length += Encoding.Latin1.GetBytes(text, Room(text.Length));

    private Span<byte> Room(int bytes)
    {
        if (_buffer.Length - _length < bytes)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(_buffer.Length * 2, _length + bytes));
            _buffer.AsSpan(0, _length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }
        return _buffer.AsSpan(_length);
    }

    private static bool Has(IReadOnlyList<KeyValuePair<string, string>>? headers, string name)
    {
        for (var i = 0; i < headers?.Count; i++)
        {
            if (Same(headers[i].Key, name))
                return true;
        }
        return false;
    }

    private static bool Same(string a, string b) => a.Equals(b, StringComparison.OrdinalIgnoreCase);
}
