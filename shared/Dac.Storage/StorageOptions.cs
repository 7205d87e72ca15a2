using System.ComponentModel.DataAnnotations;

namespace Dac.Storage;

/// <summary>Settings of section <c>Storage</c>.</summary>
public sealed class StorageOptions
{
    /// <summary>How long results and plans are kept: 1 to 3,650 days. Default: 30 days. On PostgreSQL whole days are dropped; whole hours where more than 1,000 slots/s are planned.</summary>
    [Range(typeof(TimeSpan), "1.00:00:00", "3650.00:00:00")]
    public TimeSpan RawRetention { get; set; } = TimeSpan.FromDays(30);
}
