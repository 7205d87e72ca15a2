using System.Globalization;
using Dac.Targets;

namespace Dac.Web.Api;

/// <summary>Reads query parameters from their text, and collects what is wrong: the framework's own binding would refuse without a word.</summary>
internal sealed class QueryParameters
{
    private static readonly string[] TimeForms = ["yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK", "yyyy-MM-dd'T'HH:mmK", "yyyy-MM-dd"];

    public List<FieldError> Errors { get; } = [];

    public long Number(string name, string? text, long min, long max, long fallback)
    {
        if (text is null)
            return fallback;
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= min && number <= max)
            return number;
        Errors.Add(new(name, text, $"is not a whole number from {min} to {max}", $"write one like {name}={fallback}, or leave it out"));
        return fallback;
    }

    /// <summary>Two times, the second by default now, the first by default so much before it.</summary>
    public (DateTimeOffset From, DateTimeOffset To) Span(string? from, string? to, TimeSpan fallback, DateTimeOffset now)
    {
        var end = Time("to", to) ?? now;
        var start = Time("from", from) ?? (end - DateTimeOffset.UnixEpoch > fallback ? end - fallback : DateTimeOffset.UnixEpoch);
        if (Errors.Count == 0 && start >= end)
            Errors.Add(new("from", from, from is null ? "is missing, and 'to' is before all time" : "is not before 'to'", "give an earlier one"));
        return (start, end);
    }

    // A '+' that was not escaped arrives as a blank.
    private DateTimeOffset? Time(string name, string? text)
    {
        if (text is null)
            return null;
        if (DateTimeOffset.TryParseExact(text.Replace(' ', '+'), TimeForms, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)
            && time >= DateTimeOffset.UnixEpoch)
            return time;
        Errors.Add(new(name, text, "is not a time in ISO 8601 from 1970 on", $"write one like {name}=2026-01-31T12:00:00Z"));
        return null;
    }
}
