using Dac.Contracts;
using Dac.Storage;

namespace Dac.Web.Page;

/// <summary>What the page shows.</summary>
/// <param name="At">When it was read.</param>
/// <param name="Ledger">The last ten minutes.</param>
/// <param name="Targets">Targets that there are; not all of them may be shown.</param>
/// <param name="Rows">A row for each target and location, what needs attention first.</param>
public sealed record LiveData(DateTimeOffset At, Ledger Ledger, int Targets, IReadOnlyList<LiveRow> Rows);

/// <summary>A target at a location.</summary>
/// <param name="TargetId">The target's id.</param>
/// <param name="Key">The target's key.</param>
/// <param name="Url">What is probed.</param>
/// <param name="Location">Where from.</param>
/// <param name="State">How it is.</param>
/// <param name="Last">Its last executed slot, or null.</param>
/// <param name="Strip">Its last results, oldest first.</param>
public sealed record LiveRow(long TargetId, string Key, string Url, string Location, LiveState State, LiveLast? Last, IReadOnlyList<LiveBar> Strip);

/// <summary>The last executed slot, and since when it has been like that.</summary>
public sealed record LiveLast(TargetHealth Health, DateTimeOffset Since, DateTimeOffset ScheduledAt, short? StatusCode, int? TotalUs, string? Error);

/// <summary>One result in a strip.</summary>
public readonly record struct LiveBar(Outcome Outcome, int? TotalUs);

/// <summary>How a target is, in the order in which it needs attention.</summary>
public enum LiveState
{
    /// <summary>It does not answer as asked.</summary>
    Down,

    /// <summary>It was probed before, but not for longer than three intervals: what it was then says nothing of now.</summary>
    Silent,

    /// <summary>It answers, but not as well as asked.</summary>
    Degraded,

    /// <summary>Not probed yet.</summary>
    Waiting,

    /// <summary>It answers as asked.</summary>
    Up,

    /// <summary>Kept, but not planned.</summary>
    Paused,
}
