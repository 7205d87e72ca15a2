using Dac.Contracts;
using Dac.Targets;

namespace Dac.Web.Api;

/// <summary>A target, and how it is.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Key">Its key: the one of the definition, or the URL.</param>
/// <param name="Definition">What was asked for.</param>
/// <param name="Revision">Revision of the catalogue that its last change made.</param>
/// <param name="UpdatedAt">When it was changed last.</param>
/// <param name="State">Its state at each location that has a result of it.</param>
public sealed record TargetView(long Id, string Key, TargetDefinition Definition, long Revision, DateTimeOffset UpdatedAt, IReadOnlyList<TargetStateView> State);

/// <summary>State of a target at one location, by its last executed slot.</summary>
/// <param name="Location">Where it was probed from.</param>
/// <param name="Health"><c>up</c>, <c>degraded</c> or <c>down</c>.</param>
/// <param name="Since">Scheduled time of the first slot of this state.</param>
/// <param name="ScheduledAt">Scheduled time of the last executed slot.</param>
/// <param name="Outcome">What became of that slot, like <c>up</c> or <c>connect_failed</c>.</param>
/// <param name="StatusCode">The protocol's status, for HTTP 100 to 599.</param>
/// <param name="TotalUs">From the start to the outcome, in microseconds.</param>
/// <param name="Error">Why the outcome is not up, in a sentence.</param>
public sealed record TargetStateView(
    string Location, string Health, DateTimeOffset Since, DateTimeOffset ScheduledAt, string Outcome, short? StatusCode, int? TotalUs, string? Error);

/// <summary>Targets in order of id.</summary>
/// <param name="Targets">The targets.</param>
/// <param name="Next">What to give as <c>after</c> to read on; null at the end.</param>
public sealed record TargetPage(IReadOnlyList<TargetView> Targets, long? Next);

/// <summary>Enumerations as the database names them for readers of SQL: in snake case.</summary>
public static class Names
{
    /// <summary>The name; of a value that only a newer version knows, its number.</summary>
    public static string Of<T>(T value)
        where T : struct, Enum => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    /// <summary>The remarks that are set.</summary>
    public static IReadOnlyList<string> Of(ProbeRemarks flags) =>
        [.. Enum.GetValues<ProbeRemarks>().Where(f => f != ProbeRemarks.None && flags.HasFlag(f)).Select(f => Of<ProbeRemarks>(f))];
}
