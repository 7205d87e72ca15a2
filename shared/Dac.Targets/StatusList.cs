using System.Collections.Concurrent;
using System.Globalization;

namespace Dac.Targets;

/// <summary>Accepted HTTP statuses as users write them: <c>2xx,301</c>, <c>200-299,404</c>.</summary>
public sealed class StatusList
{
    // A list is a few hundred bytes, and targets share theirs.
    private const int Limit = 1_000;

    private static readonly ConcurrentDictionary<string, StatusList> Known = new(StringComparer.Ordinal);

    private readonly bool[] _accepted = new bool[600];

    private StatusList()
    {
    }

    /// <summary>What is accepted where nothing is said: 2xx.</summary>
    public static StatusList Default { get; } = Parse("2xx");

    /// <summary>Whether this status, 100 to 599, is accepted.</summary>
    public bool Accepts(int status) => status is >= 0 and < 600 && _accepted[status];

    /// <summary>Reads a list; false where an entry is neither a status, nor a class like 2xx, nor a range.</summary>
    public static bool TryParse(string text, out StatusList list)
    {
        list = new StatusList();
        foreach (var entry in text.Split(',', StringSplitOptions.TrimEntries))
        {
            if (!TryRange(entry, out var from, out var to))
                return false;
            Array.Fill(list._accepted, true, from, to - from + 1);
        }
        return true;
    }

    /// <summary>A list that has passed <see cref="TryParse"/> before, made once; null is the default.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static StatusList Of(string? text)
    {
        if (text is null)
            return Default;
        if (Known.TryGetValue(text, out var list))
            return list;
        if (Known.Count >= Limit)
            Known.Clear();
        return Known[text] = Parse(text);
    }

    private static StatusList Parse(string text) => TryParse(text, out var list) ? list : throw new FormatException($"'{text}' is not a list of statuses");

    private static bool TryRange(string entry, out int from, out int to)
    {
        (from, to) = (0, 0);
        if (entry.Length == 3 && entry[0] is >= '1' and <= '5' && entry[1..].Equals("xx", StringComparison.OrdinalIgnoreCase))
        {
            from = (entry[0] - '0') * 100;
            to = from + 99;
            return true;
        }
        var dash = entry.IndexOf('-', StringComparison.Ordinal);
        return TryStatus(dash < 0 ? entry : entry.AsSpan(0, dash), out from) && TryStatus(dash < 0 ? entry : entry.AsSpan(dash + 1), out to) && from <= to;
    }

    private static bool TryStatus(ReadOnlySpan<char> text, out int status) =>
        int.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out status) && status is >= 100 and <= 599;
}
