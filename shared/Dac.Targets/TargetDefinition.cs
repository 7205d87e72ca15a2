using System.Text.Json;
using System.Text.Json.Serialization;
using Dac.Contracts;

namespace Dac.Targets;

/// <summary>
/// What a user asks for: one URL, how often, and what to expect. The one schema of CSV columns, API bodies and storage;
/// <see cref="TargetValidator"/> checks it.
/// </summary>
public sealed record TargetDefinition : ProbeOptions
{
    /// <summary>The user's own name of the target, at most 200 characters, unique; a second import with the same key changes it. Default: the URL.</summary>
    public string? Key { get; init; }

    /// <summary>What to probe, at most 2,048 characters: an absolute URL of a supported scheme, without user name and password.</summary>
    public string? Url { get; init; }

    /// <summary>How often: <c>1s</c> to <c>24d</c>; a bare number is seconds. Either this or <c>cron</c>.</summary>
    public string? Interval { get; init; }

    /// <summary>When: a cron expression of 5 fields (crontab) or 6 to 7 (Quartz, seconds first). Either this or <c>interval</c>.</summary>
    public string? Cron { get; init; }

    /// <summary>IANA time zone of <c>cron</c>. Default: UTC.</summary>
    public string? TimeZone { get; init; }

    /// <summary>.NET regular expression that the body must match, at most 1,000 characters; its matches are stored.</summary>
    public string? Regex { get; init; }

    /// <summary>Limit for a whole probe: <c>1ms</c> to <c>60s</c>, at most the interval. Default: 10 s, or the interval if shorter.</summary>
    public string? Timeout { get; init; }

    /// <summary>Degraded when a whole probe takes longer: <c>1ms</c> to <c>60s</c>, less than the timeout. Default: not looked at.</summary>
    public string? LatencyLimit { get; init; }

    /// <summary>How late a probe may start: <c>100ms</c> to <c>60s</c>, at most the interval. Default: half the interval, 5 s at most.</summary>
    public string? Tolerance { get; init; }

    /// <summary>Where to probe from: 1 to 16 names of letters, digits and hyphens. Default: <c>default</c>.</summary>
    public IReadOnlyList<string>? Locations { get; init; }

    /// <summary>Free labels to filter by, up to 16 of at most 50 characters.</summary>
    public IReadOnlyList<string>? Tags { get; init; }

    /// <summary>True: keep the target, but plan nothing.</summary>
    public bool Paused { get; init; }
}

/// <summary>Definitions as JSON. A field that is not in the schema is refused, since it is more likely a typing error than a wish to be ignored.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(TargetDefinition))]
public sealed partial class TargetJson : JsonSerializerContext;

/// <summary>Definitions as they are read from storage, where a newer version may have written fields that this one does not know.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(TargetDefinition))]
public sealed partial class StoredTargetJson : JsonSerializerContext;
