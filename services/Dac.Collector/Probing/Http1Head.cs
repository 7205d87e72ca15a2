using System.Buffers;
using System.Text;

namespace Dac.Collector.Probing;

/// <summary>
/// The head of an answer (RFC 9112, 4 and 5), or the trailers behind its body, read where they lie in a buffer as the bytes come in. Nothing is copied:
/// what is asked for is looked up in the same bytes. What breaks the rules is an <see cref="InvalidDataException"/> as soon as its line is there.
/// </summary>
internal struct Http1Head
{
    private static readonly SearchValues<byte> Token = SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);

    // RFC 9110, 5.5: no field may have them in its value. A bare CR is one that other readers may take for the end of the line.
    private static readonly SearchValues<byte> Forbidden = SearchValues.Create("\0\r"u8);

    // Offsets into the buffer: of the line that is not whole yet, of what was not looked at yet, and of the first field.
    private int _line;
    private int _scanned;
    private int _fields;
    private bool _hasStatus;

    /// <summary>Trailers: fields alone, without a status line.</summary>
    public static Http1Head Trailers => new() { _hasStatus = true };

    /// <summary>Three digits.</summary>
    public int Status { get; private set; }

    /// <summary>The digit behind <c>HTTP/1.</c>.</summary>
    public int Minor { get; private set; }

    /// <summary>How many bytes it takes, once it is whole.</summary>
    public readonly int Length => _line;

    /// <summary>Goes on with all bytes from its first one on, and returns whether it is whole. A folded line is unfolded in place.</summary>
    /// <exception cref="InvalidDataException">It is no head.</exception>
    public bool Parse(Span<byte> bytes)
    {
        while (true)
        {
            var feed = bytes[_scanned..].IndexOf((byte)'\n');
            if (feed < 0)
            {
                _scanned = bytes.Length;
                return false;
            }
            var end = _scanned + feed;
            var line = bytes[_line..end];
            // RFC 9112, 2.2: a line may end with LF alone.
            if (line.Length > 0 && line[^1] == '\r')
                line = line[..^1];
            var last = _hasStatus && line.IsEmpty;
            if (!_hasStatus)
                ReadStatus(line, end + 1);
            else if (!last && line[0] is (byte)' ' or (byte)'\t')
                Unfold(bytes, line);
            else if (!last)
                CheckField(line);
            _line = _scanned = end + 1;
            if (last)
                return true;
        }
    }

    /// <summary>The words behind the status.</summary>
    public readonly string Reason(ReadOnlySpan<byte> bytes)
    {
        var line = bytes[.._fields].TrimEnd("\r\n"u8);
        return line.Length > 13 ? Encoding.Latin1.GetString(line[13..]) : "";
    }

    /// <summary>The values of all fields of a name, joined by a comma; null where there is none.</summary>
    public readonly string? Field(ReadOnlySpan<byte> bytes, string name)
    {
        string? joined = null;
        for (var at = 0; TryNext(bytes, name, ref at, out var value);)
            joined = joined is null ? Encoding.Latin1.GetString(value) : $"{joined}, {Encoding.Latin1.GetString(value)}";
        return joined;
    }

    /// <summary>The value of the next field of a name.</summary>
    /// <param name="bytes">The bytes that were parsed.</param>
    /// <param name="name">Name, in any case.</param>
    /// <param name="at">0 at first, and then what the last call made of it.</param>
    /// <param name="value">The value.</param>
    public readonly bool TryNext(ReadOnlySpan<byte> bytes, ReadOnlySpan<char> name, ref int at, out ReadOnlySpan<byte> value)
    {
        for (at = Math.Max(at, _fields); at < _line;)
        {
            var line = bytes[at.._line];
            line = line[..line.IndexOf((byte)'\n')];
            at += line.Length + 1;
            if (line.Length <= name.Length || !Ascii.EqualsIgnoreCase(line[..name.Length], name))
                continue;
            var rest = line[name.Length..].TrimStart(" \t"u8);
            if (rest.IsEmpty || rest[0] != ':')
                continue;
            value = rest[1..].Trim(" \t\r"u8);
            return true;
        }
        value = default;
        return false;
    }

    private void ReadStatus(ReadOnlySpan<byte> line, int next)
    {
        // The blank behind the number may be left out together with the words.
        if (line.Length < 12 || !line.StartsWith("HTTP/1."u8) || !char.IsAsciiDigit((char)line[7]) || line[8] != ' ' || line[9..12].ContainsAnyExceptInRange((byte)'0', (byte)'9')
            || (line.Length > 12 && line[12] != ' ') || line.ContainsAny(Forbidden))
            throw new InvalidDataException($"the server answers with no status line of HTTP/1.1: '{Shown(line)}'");
        Minor = line[7] - '0';
        Status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + line[11] - '0';
        _hasStatus = true;
        _fields = next;
    }

    private static void CheckField(ReadOnlySpan<byte> line)
    {
        var colon = line.IndexOf((byte)':');
        var name = line[..Math.Max(colon, 0)].TrimEnd(" \t"u8);
        if (name.IsEmpty || name.ContainsAnyExcept(Token) || line.ContainsAny(Forbidden))
            throw new InvalidDataException($"the server answers with an invalid header line: '{Shown(line)}'");
    }

    // RFC 9112, 5.2: the break becomes blanks.
    private readonly void Unfold(Span<byte> bytes, ReadOnlySpan<byte> line)
    {
        if (_line == _fields || line.ContainsAny(Forbidden))
            throw new InvalidDataException($"the server answers with an invalid header line: '{Shown(line)}'");
        bytes[_line - 1] = (byte)' ';
        if (bytes[_line - 2] == '\r')
            bytes[_line - 2] = (byte)' ';
    }

    private static string Shown(ReadOnlySpan<byte> line) => Encoding.Latin1.GetString(line[..Math.Min(line.Length, 100)]);
}
