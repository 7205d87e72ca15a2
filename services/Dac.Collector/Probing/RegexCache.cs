using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using Dac.Contracts;
using Dac.Targets;

namespace Dac.Collector.Probing;

/// <summary>Compiled patterns, and the matching of bodies.</summary>
internal sealed class RegexCache
{
    // Compiling costs more than matching. Some 10 kB each: 20 MB at most.
    private const int Limit = 2_000;

    // Lazy: all probes that come while a pattern is being compiled wait for the one that does it, instead of compiling it too.
    private readonly ConcurrentDictionary<string, Lazy<Regex>> _regexes = new(StringComparer.Ordinal);

    /// <summary>
    /// Stores all matches, joined by a space; of a match with groups, the groups, as the Python program did with one. No match is an outcome.
    /// </summary>
    public bool? Match(string pattern, string body, Measurement measurement) => Try(measurement, () =>
    {
        var text = new StringBuilder(measurement.Match);
        // Compiling is the collector's own time, long where it has just started: the limit is for matching.
        var regex = Get(pattern);
        var started = Stopwatch.GetTimestamp();
        var match = regex.Match(body);
        // Whatever was found before, and however much: whether this one is found is asked of the body alone.
        var found = match.Success;
        for (var first = text.Length == 0; match.Success && text.Length <= Measurement.MaxMatch; match = match.NextMatch(), first = false)
        {
            // The regex's own limit is for one match.
            if (Stopwatch.GetElapsedTime(started) > BodyRegex.MatchTimeout)
                throw new RegexMatchTimeoutException();
            if (!first)
                text.Append(' ');
            Collect(match, text);
        }
        if (found)
            measurement.Match = text.ToString();
        else
            measurement.Fail(Outcome.NoMatch, $"the body does not match the regex '{pattern}'");
        return found;
    });

    /// <summary>Adds a match, or its groups joined by a space, as far as it is kept: hundreds of groups may hold the whole body each.</summary>
    public static void Collect(Match match, StringBuilder text)
    {
        for (var i = match.Groups.Count == 1 ? 0 : 1; i < match.Groups.Count && text.Length <= Measurement.MaxMatch; i++)
        {
            if (i > 1)
                text.Append(' ');
            var group = match.Groups[i];
            text.Append(group.ValueSpan[..Math.Min(group.Length, Measurement.MaxMatch + 1)]);
        }
    }

    /// <summary>Whether a text matches; null where that could not be found out, which is an outcome.</summary>
    public bool? Matches(string pattern, string text, Measurement measurement) => Try(measurement, () => Get(pattern).IsMatch(text));

    private static bool? Try(Measurement measurement, Func<bool> match)
    {
        try
        {
            return match();
        }
        catch (RegexMatchTimeoutException)
        {
            measurement.Fail(Outcome.Unprobeable, $"the regex took longer than {BodyRegex.MatchTimeout.TotalSeconds:F0} s on this body: make it simpler");
        }
        catch (ArgumentException e)
        {
            measurement.Fail(Outcome.Unprobeable, $"the regex can't be read: {e.Message}");
        }
        return null;
    }

    /// <summary>The compiled pattern.</summary>
    /// <exception cref="ArgumentException">It is none.</exception>
    public Regex Get(string pattern)
    {
        if (_regexes.Count >= Limit)
            _regexes.Clear();
        return _regexes.GetOrAdd(pattern, p => new Lazy<Regex>(() => BodyRegex.Create(p))).Value;
    }
}
