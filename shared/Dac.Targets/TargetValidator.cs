using System.Text.RegularExpressions;
using Quartz;

namespace Dac.Targets;

/// <summary>The one place where a definition is checked, whether it comes from CSV, API or storage.</summary>
public static partial class TargetValidator
{
    /// <summary>The location of a target that names none.</summary>
    public const string DefaultLocation = "default";

    private static readonly TimeSpan MaxProbe = TimeSpan.FromSeconds(60);

    /// <summary>Checks every field; returns the target, or all that is wrong.</summary>
    /// <param name="definition">What was asked for.</param>
    /// <param name="compile">False for a definition that was checked when it was saved: compiling regular and other expressions costs more than all else together.</param>
    public static (ProbeTarget? Target, IReadOnlyList<FieldError> Errors) Validate(TargetDefinition definition, bool compile = true)
    {
        var errors = new FieldErrors();
        var url = CheckUrl(definition.Url, errors);
        errors.Length("key", definition.Key, 200);
        var interval = CheckTiming(definition, errors, out var cron);
        var timeout = CheckLimit("timeout", definition.Timeout, TimeSpan.FromMilliseconds(1), interval, errors)
            ?? TimeSpan.FromSeconds(Math.Min(10, interval?.TotalSeconds ?? 10));
        var tolerance = CheckLimit("tolerance", definition.Tolerance, TimeSpan.FromMilliseconds(100), interval, errors);
        var latency = CheckLimit("latencyLimit", definition.LatencyLimit, TimeSpan.FromMilliseconds(1), interval, errors);
        if (latency >= timeout)
            errors.Add("latencyLimit", definition.LatencyLimit, $"is not shorter than the timeout, {Duration.Format(timeout)}", "shorten it: what takes longer is down, not degraded");
        errors.Regex("regex", definition.Regex, compile);
        CheckOptions(definition, url, compile, errors);
        CheckNames("locations", definition.Locations, LocationName(), "use letters, digits and hyphens, at most 30, like 'eu-west'", errors);
        CheckNames("tags", definition.Tags, TagName(), "use at most 50 characters without ';'", errors);
        if (errors.Count > 0)
            return (null, errors);
        var intervalMs = (int)(interval?.TotalMilliseconds ?? 0);
        return (definition.Onto(new ProbeTarget
        {
            Key = string.IsNullOrWhiteSpace(definition.Key) ? definition.Url! : definition.Key,
            Url = definition.Url!,
            Host = url!.IdnHost.ToLowerInvariant(),
            IntervalMs = intervalMs,
            Cron = cron,
            Regex = string.IsNullOrEmpty(definition.Regex) ? null : definition.Regex,
            TimeoutMs = (int)timeout.TotalMilliseconds,
            ToleranceMs = tolerance is { } own ? (int)own.TotalMilliseconds
                : cron is null ? Math.Min(intervalMs / 2, Schedule.MaxDefaultToleranceMs) : null,
            Locations = definition.Locations is { Count: > 0 } named ? [.. named.Distinct(StringComparer.Ordinal)] : [DefaultLocation],
            Paused = definition.Paused,
            LatencyLimitMs = (int?)latency?.TotalMilliseconds,
        }), []);
    }

    private static void CheckOptions(TargetDefinition definition, Uri? url, bool compile, FieldErrors errors)
    {
        if (definition.Network is { } network)
            NetworkOptionsValidator.Check(network, url, errors);
        if (definition.Tls is { } tls)
            TlsOptionsValidator.Check(tls, url, errors);
        if (definition.Http is { } http)
            HttpOptionsValidator.Check(definition, http, url, compile, errors);
        if (definition.Tcp is { } tcp)
            TcpOptionsValidator.Check(tcp, url, compile, errors);
        if (definition.Dns is { } dns)
            DnsOptionsValidator.Check(dns, url, compile, errors);
        if (definition.Icmp is { } icmp)
            IcmpOptionsValidator.Check(icmp, url, errors);
        if (definition.Ws is { } ws)
            WsOptionsValidator.Check(ws, url, compile, errors);
        if (definition.Grpc is { } grpc)
            GrpcOptionsValidator.Check(grpc, url, compile, errors);
    }

    private static Uri? CheckUrl(string? text, FieldErrors errors)
    {
        const string Example = "give one like https://example.org/health";
        if (string.IsNullOrWhiteSpace(text))
            errors.Add("url", null, "is missing", Example);
        else if (text.Length > 2048)
            errors.Add("url", UserInfo.Masked(text), $"has {text.Length} characters", "2,048 are allowed");
        else if (text.Any(c => char.IsWhiteSpace(c) || char.IsControl(c)))
            errors.Add("url", UserInfo.Masked(text), "has a blank or a control character in it", "write it as %20, or take it out");
        else if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || !text.Contains("://", StringComparison.Ordinal))
            errors.Add("url", UserInfo.Masked(text), "is not an absolute URL", Example);
        else if (url.UserInfo.Length > 0)
            errors.Add("url", UserInfo.Masked(text), "has a user name or password in it, which would be stored in clear", "take it out of the URL");
        else if (UrlScheme.Check(text, url, errors))
            return url;
        return null;
    }

    private static TimeSpan? CheckTiming(TargetDefinition definition, FieldErrors errors, out CronExpression? cron)
    {
        cron = null;
        var hasInterval = !string.IsNullOrWhiteSpace(definition.Interval);
        var hasCron = !string.IsNullOrWhiteSpace(definition.Cron);
        if (hasInterval && hasCron)
            errors.Add("cron", definition.Cron, "both interval and cron are given", "give one of them");
        else if (!hasInterval && !hasCron)
            errors.Add("interval", null, "is missing", "give one like 30s, or a cron expression");
        if (!hasCron && !string.IsNullOrWhiteSpace(definition.TimeZone))
            errors.Add("timeZone", definition.TimeZone, "is given without cron", "take it out: an interval needs no time zone");
        if (hasCron)
            cron = CheckCron(definition.Cron!.Trim(), definition.TimeZone, errors);
        if (!hasInterval)
            return null;
        if (!Duration.TryParse(definition.Interval, out var interval))
            errors.Add("interval", definition.Interval, "is not a duration in whole milliseconds", "write 30 or 30s, 5m, 2h or 1d");
        else if (interval < TimeSpan.FromSeconds(1))
            errors.Add("interval", definition.Interval, "is shorter than 1 s", "use 1s or more");
        else if (interval > TimeSpan.FromDays(24))
            errors.Add("interval", definition.Interval, "is longer than 24 days", "use 24d or less, or a cron expression");
        else
            return interval;
        return null;
    }

    private static CronExpression? CheckCron(string text, string? timeZone, FieldErrors errors)
    {
        var format = text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length == 5 ? CronFormat.Unix : CronFormat.Quartz;
        // Quartz's own marks for '?' and '*' are 98 and 99, and it takes these numbers for them.
        if (text.Length > 200 || CronMarks().IsMatch(text) || !CronExpression.TryParse(text, format, out var cron))
        {
            errors.Add("cron", text, "is not a cron expression", "write one like '*/5 * * * *' (crontab) or '0 30 8 ? * MON-FRI' (seconds first)");
            return null;
        }
        if (string.IsNullOrWhiteSpace(timeZone))
            return cron!.WithTimeZone(TimeZoneInfo.Utc);
        if (TimeZoneInfo.TryFindSystemTimeZoneById(timeZone.Trim(), out var zone))
            return cron!.WithTimeZone(zone);
        errors.Add("timeZone", timeZone, "is not known", "use an IANA name like Europe/Berlin");
        return null;
    }

    private static TimeSpan? CheckLimit(string field, string? text, TimeSpan min, TimeSpan? interval, FieldErrors errors)
    {
        if (string.IsNullOrWhiteSpace(text))
            return null;
        if (!Duration.TryParse(text, out var value))
            errors.Add(field, text, "is not a duration in whole milliseconds", "write 10s or 500ms");
        else if (value < min || value > MaxProbe)
            errors.Add(field, text, "is out of range", $"use {Duration.Format(min)} to {Duration.Format(MaxProbe)}");
        else if (value > interval)
            errors.Add(field, text, $"is longer than the interval, {Duration.Format(interval.Value)}", "shorten it, or lengthen the interval");
        else
            return value;
        return null;
    }

    private static void CheckNames(string field, IReadOnlyList<string>? names, Regex form, string fix, FieldErrors errors)
    {
        if (names?.Count > 16)
            errors.Add(field, null, $"has {names.Count} entries", "16 are allowed");
        foreach (var name in names?.Take(16) ?? [])
        {
            if (name is null || !form.IsMatch(name))
                errors.Add(field, name ?? "null", "is not a valid name", fix);
        }
    }

    [GeneratedRegex(@"(?<!\d)9[89](?!\d)")]
    private static partial Regex CronMarks();

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9-]{0,29}\z")]
    private static partial Regex LocationName();

    [GeneratedRegex(@"\A[^;\p{C}]{1,50}\z")]
    private static partial Regex TagName();
}
