using System.ComponentModel.DataAnnotations;

namespace Dac.Writer;

/// <summary>Settings of section <c>Writer</c>.</summary>
public sealed class WriterOptions
{
    /// <summary>Rows in one statement, 1 to 20,000. Default: 2,000; more costs no less per row.</summary>
    [Range(1, 20_000)]
    public int BatchRows { get; set; } = 2_000;

    /// <summary>
    /// How long a result waits for others to be stored with it, 0 to 5 s. Default: 200 ms. Where <see cref="BatchRows"/> rows or <see cref="Prefetch"/> messages
    /// wait it ends at once. A statement costs PostgreSQL some milliseconds however few rows it has.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:05")]
    public TimeSpan BatchDelay { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Result messages held unacknowledged, 1 to 1,000. Default: 32, of up to 256 results each: four statements' worth.</summary>
    [Range(1, 1_000)]
    public ushort Prefetch { get; set; } = 32;
}
