using System.Globalization;
using System.Text;

namespace Dac.Targets;

/// <summary>One step of a dialogue, as users write it: <c>send: TEXT</c> or <c>expect: REGEX</c>.</summary>
/// <param name="Send">Bytes to send, or null.</param>
/// <param name="Expect">Pattern to wait for, or null.</param>
public sealed record DialogueStep(byte[]? Send, string? Expect)
{
    /// <summary>Reads a step; false where it is neither, or has an escape that does not exist.</summary>
    public static bool TryParse(string? text, out DialogueStep step)
    {
        step = new(null, null);
        if (text?.StartsWith("send:", StringComparison.Ordinal) == true && TryUnescape(text["send:".Length..].TrimStart(' '), out var send))
            step = new(send, null);
        else if (text?.StartsWith("expect:", StringComparison.Ordinal) == true && text["expect:".Length..].TrimStart(' ') is { Length: > 0 } pattern)
            step = new(null, pattern);
        return step is not (null, null);
    }

    private static bool TryUnescape(string text, out byte[] octets)
    {
        var unescaped = new MemoryStream();
        octets = [];
        for (var i = 0; i < text.Length;)
        {
            if (text[i] != '\\')
            {
                var end = text.IndexOf('\\', i) is var next and >= 0 ? next : text.Length;
                unescaped.Write(Encoding.UTF8.GetBytes(text[i..end]));
                i = end;
                continue;
            }
            var escape = i + 1 < text.Length ? text[i + 1] : ' ';
            if (escape == 'x' && i + 4 <= text.Length && byte.TryParse(text.AsSpan(i + 2, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var octet))
            {
                unescaped.WriteByte(octet);
                i += 4;
            }
            else if ("rnt0\\".IndexOf(escape, StringComparison.Ordinal) is var which and >= 0)
            {
                unescaped.WriteByte((byte)"\r\n\t\0\\"[which]);
                i += 2;
            }
            else
            {
                return false;
            }
        }
        octets = unescaped.ToArray();
        return octets.Length > 0;
    }
}
