using System.Text;
using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>Text of strangers, made fit for every database.</summary>
public static class Text
{
    /// <summary>Replaces NUL and lone surrogates, which PostgreSQL does not store, by U+FFFD, and cuts to a length, which is flagged.</summary>
    public static string? Storable(string? text, int limit, ref ProbeRemarks flags)
    {
        if (text is null)
            return null;
        if (text.Length > limit)
        {
            text = text[..limit];
            flags |= ProbeRemarks.Truncated;
        }
        if (text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0 && !text.Contains('\0'))
            return text;
        var clean = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
            clean.Append(rune.Value == 0 ? "\uFFFD" : rune.ToString());
        return clean.ToString();
    }
}
