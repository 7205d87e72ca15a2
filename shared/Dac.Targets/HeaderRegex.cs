namespace Dac.Targets;

/// <summary>An assertion on a header, as users write it: <c>Name: regex</c>.</summary>
public static class HeaderRegex
{
    /// <summary>Takes it apart; false where there is no name before a colon, or nothing behind it.</summary>
    public static bool TryParse(string text, out string name, out string pattern)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        (name, pattern) = colon < 0 ? ("", "") : (text[..colon].Trim(), text[(colon + 1)..].Trim());
        return HeaderFields.IsToken(name) && pattern.Length > 0;
    }
}
