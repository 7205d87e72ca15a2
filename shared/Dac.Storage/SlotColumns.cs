namespace Dac.Storage;

/// <summary>The slots of several windows column by column, as they go to PostgreSQL in one array each.</summary>
/// <param name="First">Index of each window's first slot, from 1 as SQL counts.</param>
/// <param name="Checksums">Of each window.</param>
/// <param name="Targets">Of each slot.</param>
/// <param name="Locations">Of each slot.</param>
/// <param name="OffsetsMs">Of each slot.</param>
internal sealed record SlotColumns(int[] First, long[] Checksums, long[] Targets, short[] Locations, short[] OffsetsMs)
{
    public static SlotColumns Of(IReadOnlyList<PlannedWindow> windows)
    {
        var slots = windows.Sum(w => w.Slots.Count);
        var columns = new SlotColumns(new int[windows.Count], new long[windows.Count], new long[slots], new short[slots], new short[slots]);
        var at = 0;
        for (var w = 0; w < windows.Count; w++)
        {
            (columns.First[w], columns.Checksums[w]) = (at + 1, windows[w].Checksum());
            foreach (var slot in windows[w].Slots)
            {
                (columns.Targets[at], columns.Locations[at], columns.OffsetsMs[at]) = (slot.TargetId, slot.LocationId, slot.OffsetMs);
                at++;
            }
        }
        return columns;
    }
}
