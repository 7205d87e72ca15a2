using System.Globalization;
using Dac.Contracts;
using Dac.Targets;

namespace Dac.Collector.Probing;

/// <summary>What an answer must be like. All is asked, so that a match is stored though the status is wrong; the first that does not hold is the outcome.</summary>
internal sealed class HttpChecks(RegexCache regexes)
{
    private const int MaxSeen = 200;

    /// <summary>Whether anything is asked of the body.</summary>
    public static bool AskBody(ProbeUrl probe) => probe.Regex is not null || probe.Http is { } http && (http.BodyMatches ?? http.BodyForbids ?? (object?)http.Json) is not null;

    /// <summary>Whether an expression is asked of the head.</summary>
    public static bool AskHead(ProbeUrl probe) => (probe.Http?.HeaderMatches ?? probe.Http?.HeaderForbids) is not null;

    /// <summary>Asks the head.</summary>
    /// <param name="unfollowed">Why a redirect was not followed, or null.</param>
    public void Head(ProbeUrl probe, HttpAnswer answer, string? unfollowed, Measurement measurement)
    {
        var http = probe.Http;
        var accepted = StatusList.Of(http?.Status).Accepts(answer.Status);
        measurement.Details?.Note($"status {http?.Status ?? "2xx"}", accepted, $"{answer.Status} {answer.Reason}");
        if (!accepted)
            measurement.Fail(Outcome.BadStatus, string.Create(CultureInfo.InvariantCulture, $"status {answer.Status} {answer.Reason}, accepted is {http?.Status ?? "2xx"}{unfollowed}"));
        foreach (var assertion in http?.HeaderMatches ?? [])
            Header(assertion, answer, wanted: true, measurement);
        foreach (var assertion in http?.HeaderForbids ?? [])
            Header(assertion, answer, wanted: false, measurement);
    }

    /// <summary>Asks the body.</summary>
    public void Body(ProbeUrl probe, string body, Measurement measurement)
    {
        if (probe.Regex is { } regex)
            Match(regex, body, measurement);
        foreach (var pattern in probe.Http?.BodyMatches ?? [])
            Match(pattern, body, measurement);
        foreach (var pattern in probe.Http?.BodyForbids ?? [])
        {
            var matches = regexes.Matches(pattern, body, measurement);
            if (matches == true)
                measurement.Fail(Outcome.UnwantedMatch, $"the body matches '{pattern}', which it must not");
            measurement.Details?.Note($"body does not match {pattern}", matches == false, null);
        }
        if (probe.Http?.Json is { } json)
            Json(json, probe.Http.JsonValue, body, measurement);
    }

    private void Match(string pattern, string body, Measurement measurement)
    {
        var matches = regexes.Match(pattern, body, measurement);
        measurement.Details?.Note($"body matches {pattern}", matches == true, measurement.Match);
    }

    private void Header(string assertion, HttpAnswer answer, bool wanted, Measurement measurement)
    {
        if (!HeaderRegex.TryParse(assertion, out var name, out var pattern))
        {
            measurement.Fail(Outcome.Unprobeable, $"'{assertion}' is not a header and a regex");
            return;
        }
        var value = answer.Header(name);
        var matches = value is null ? false : regexes.Matches(pattern, value, measurement);
        if (matches == !wanted)
        {
            measurement.Fail(Outcome.HeaderMismatch, value is null
                ? $"there is no header {name}"
                : $"the header {name} is '{Shorten(value)}', which {(wanted ? "does not match" : "must not match")} '{pattern}'");
        }
        measurement.Details?.Note($"header {name} {(wanted ? "matches" : "does not match")} {pattern}", matches == wanted, value);
    }

    private static void Json(string expression, string? expected, string body, Measurement measurement)
    {
        try
        {
            var (holds, value) = JsonAssertion.Ask(body, expression, expected);
            if (!holds)
                measurement.Fail(Outcome.AssertionFailed, $"'{expression}' is {Shorten(value)}{(expected is null ? "" : $", expected is {Shorten(expected)}")}");
            measurement.Details?.Note($"json {expression} is {expected ?? "there"}", holds, Shorten(value));
        }
        catch (FormatException e)
        {
            measurement.Fail(Outcome.AssertionFailed, e.Message);
            measurement.Details?.Note($"json {expression} is {expected ?? "there"}", false, e.Message);
        }
        // Of a target that was taken before its expression was refused.
        catch (NotSupportedException e)
        {
            measurement.Fail(Outcome.Unprobeable, $"'{expression}' is not asked: {e.Message}");
        }
    }

    private static string Shorten(string text) => text.Length <= MaxSeen ? text : text[..MaxSeen] + "...";
}
