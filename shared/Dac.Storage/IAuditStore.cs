using Dac.Storage.Model;

namespace Dac.Storage;

/// <summary>What an audit has found.</summary>
/// <param name="Windows">Windows closed.</param>
/// <param name="Slots">Slots planned in them.</param>
/// <param name="Lost">Slots of which nothing had been heard, and which are missed(lost) now.</param>
public sealed record AuditSummary(int Windows, long Slots, long Lost);

/// <summary>The closing of the ledger: every planned slot gets its row, and every second that nobody planned its account.</summary>
public interface IAuditStore
{
    /// <summary>
    /// Closes windows past their time, oldest first: slots without a row become missed(lost), and the window gets its counts, so that
    /// planned = executed + observer faults + missed. One node at a time; null where another is at it.
    /// </summary>
    /// <param name="windows">How many at most.</param>
    /// <param name="overdue">Only windows whose time was over so long ago.</param>
    /// <param name="cancellationToken">Ends it; nothing is closed then.</param>
    Task<AuditSummary?> AuditAsync(int windows, TimeSpan overdue, CancellationToken cancellationToken);

    /// <summary>Gaps that are not closed yet, oldest first.</summary>
    Task<IReadOnlyList<PlanGap>> OpenGapsAsync(int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Whether anything was probed in the span of a gap: a scheduler that plans from memory while the database is away leaves results, and no plan.
    /// </summary>
    Task<bool> WasProbedAsync(PlanGap gap, CancellationToken cancellationToken);

    /// <summary>
    /// Closes a gap up to <paramref name="until"/>, and leaves the rest open: writes its windows, with a row missed(not planned) for each slot that has none, or,
    /// with no windows, only the number of slots. A gap all of whose slots have rows already was none, and is forgotten. What strayed beyond its end is added to the
    /// plan there. Does nothing where another node has closed it.
    /// </summary>
    /// <returns>How many slots are missed(not planned).</returns>
    Task<long> CloseGapAsync(PlanGap gap, DateTimeOffset until, IReadOnlyList<PlannedWindow> windows, IReadOnlyList<PlannedWindow> strays, long countedSlots, CancellationToken cancellationToken);
}
