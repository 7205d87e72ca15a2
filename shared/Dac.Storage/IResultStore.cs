using Dac.Contracts;

namespace Dac.Storage;

/// <summary>A result on its way into the database.</summary>
public readonly record struct ResultRow(short LocationId, int CollectorId, ProbeResult Result)
{
    /// <summary>Its slot.</summary>
    public (long TargetId, short LocationId, long ScheduledAtMs) Key => (Result.TargetId, LocationId, Result.ScheduledAtMs);
}

/// <summary>The hot write, and the care of the tables that grow.</summary>
public interface IResultStore
{
    /// <summary>
    /// Stores results in one transaction: the slot key is unique, and an outcome of a higher class (executed over observer fault over missed)
    /// replaces a lower one, never the other way round. Folds the targets' states and writes their changes.
    /// Rows must have distinct keys and be in key order, so that two writers never lock each other out.
    /// </summary>
    /// <returns>How many rows were new, or replaced one of a lower class; the others were duplicates.</returns>
    /// <exception cref="RowsRefusedException">The database refuses the content of a row; nothing was stored.</exception>
    Task<int> WriteAsync(IReadOnlyList<ResultRow> rows, CancellationToken cancellationToken);

    /// <summary>Makes room for the days to come, and drops results and plans from before <paramref name="cutoff"/>.</summary>
    /// <returns>The names of the partitions made and dropped, or nothing where there are none.</returns>
    Task<IReadOnlyList<string>> MaintainAsync(DateTimeOffset now, DateTimeOffset cutoff, CancellationToken cancellationToken);
}

/// <summary>The database refuses at least one of the rows for its content; trying again would not help.</summary>
public sealed class RowsRefusedException(Exception inner) : Exception(inner.Message, inner);
