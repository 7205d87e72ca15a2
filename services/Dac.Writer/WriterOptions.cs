using System.ComponentModel.DataAnnotations;

namespace Dac.Writer;

/// <summary>Settings of section <c>Writer</c>.</summary>
public sealed class WriterOptions
{
    /// <summary>Rows in one statement, 1 to 20,000. Default: 2,000; more costs no less per row.</summary>
    [Range(1, 20_000)]
    public int BatchRows { get; set; } = 2_000;

    /// <summary>Result messages held unacknowledged, 1 to 1,000. Default: 32, of up to 256 results each: four statements' worth.</summary>
    [Range(1, 1_000)]
    public ushort Prefetch { get; set; } = 32;
}
