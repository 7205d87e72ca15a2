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
    Task<AuditSummary?> AuditAsync(int windows, CancellationToken cancellationToken);

    /// <summary>Gaps that are not closed yet, oldest first.</summary>
    Task<IReadOnlyList<PlanGap>> OpenGapsAsync(int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Closes a gap: writes its windows with a row missed(not planned) for each slot, or, with none, only the number of slots. Does nothing where another node
    /// has closed it.
    /// </summary>
    Task CloseGapAsync(PlanGap gap, IReadOnlyList<PlannedWindow> windows, long countedSlots, CancellationToken cancellationToken);
}
