using System.Globalization;

namespace Dac.Targets;

/// <summary>
/// Durations as users write them: <c>30</c> or <c>30s</c> (seconds), <c>1.5</c>, <c>500ms</c>, <c>5m</c>, <c>2h</c>, <c>1d</c>.
/// One form for CSV, API and command line; whole milliseconds.
/// </summary>
public static class Duration
{
    private static readonly (string Unit, decimal Ms)[] Units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

    /// <summary>Reads a duration; false where the text is none, is negative, has a fraction of a millisecond or is over 1,000 days.</summary>
    public static bool TryParse(string? text, out TimeSpan duration)
    {
        duration = default;
        text = text?.Trim();
        if (string.IsNullOrEmpty(text))
            return false;
        var (unit, factor) = Units.FirstOrDefault(u => text.EndsWith(u.Unit, StringComparison.Ordinal), (Unit: "", Ms: 1_000m));
        if (!decimal.TryParse(text.AsSpan(0, text.Length - unit.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            || number > 86_400_000_000m)
            return false;
        var ms = number * factor;
        if (ms != decimal.Truncate(ms) || ms > 86_400_000_000m)
            return false;
        duration = TimeSpan.FromMilliseconds((long)ms);
        return true;
    }

    /// <summary>The shortest text that reads back as the same duration: <c>90s</c>, <c>5m</c>, <c>1500ms</c>.</summary>
    public static string Format(TimeSpan duration)
    {
        var ms = (long)duration.TotalMilliseconds;
        var (unit, factor) = Units.Last(u => ms % u.Ms == 0 && (ms >= u.Ms || u.Ms == 1));
        return string.Create(CultureInfo.InvariantCulture, $"{ms / (long)factor}{unit}");
    }
}
