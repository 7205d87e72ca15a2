using System.ComponentModel.DataAnnotations;
using Dac.Collector.Probing;

namespace Dac.Collector;

/// <summary>Settings of section <c>Collector</c>. All limits are per replica.</summary>
public sealed class CollectorOptions
{
    /// <summary>Where this collector stands: letters, digits and hyphens, at most 30. Default: <c>default</c>.</summary>
    [Required(ErrorMessage = "1 to 30 letters, digits and hyphens")]
    [RegularExpression("[A-Za-z0-9][A-Za-z0-9-]{0,29}", ErrorMessage = "1 to 30 letters, digits and hyphens")]
    public string Location { get; set; } = "default";

    /// <summary>Name of this replica in results and logs, at most 100 characters. Default: host name and process id.</summary>
    [StringLength(100, MinimumLength = 1)]
    public string Name { get; set; } = $"{Environment.MachineName}/{Environment.ProcessId}";

    /// <summary>Probes under way at once, 1 to 100,000. Default: 2,000.</summary>
    [Range(1, 100_000)]
    public int MaxConcurrency { get; set; } = 2_000;

    /// <summary>Probes under way at once against one host and port, 1 to 10,000. Default: 64.</summary>
    [Range(1, 10_000)]
    public int MaxPerHost { get; set; } = 64;

    /// <summary>Connections per second to one host and port, redirects included, 1 to 100,000; a second's worth at once. Default: 5,000.</summary>
    [Range(1, 100_000)]
    public int MaxConnectsPerSecond { get; set; } = 5_000;

    /// <summary>Connections kept from probe to probe for targets that ask for it (<c>http.reuseConnection</c>), 0 to 100,000, each a socket; beyond them a probe makes its own. Default: 10,000.</summary>
    [Range(0, 100_000)]
    public int MaxKeptConnections { get; set; } = 10_000;

    /// <summary>Largest body that is read, in bytes after decompression, 1 kB to 100 MB. Default: 1 MiB.</summary>
    [Range(1_000, 100_000_000)]
    public int MaxBodyBytes { get; set; } = 1 << 20;

    /// <summary>
    /// Memory for the bodies over 32 kB that are kept to be matched, in bytes, all probes together, 3 MB to 1 TB. Default: 256 MiB, which is 85 bodies of the
    /// largest size at once; the others wait, and their rows are flagged as saturated.
    /// </summary>
    [Range(3_000_000, 1_000_000_000_000)]
    public long MaxBodyMemory { get; set; } = 256L << 20;

    /// <summary>
    /// Networks that no probe may connect to, in CIDR form, separated by commas; with <c>@port</c> or <c>@from-to</c> only at these ports. Default: link-local
    /// addresses, where clouds serve their metadata and credentials (169.254.0.0/16, fe80::/10), and the metadata services that stand elsewhere
    /// (AWS fd00:ec2::254 and ::23, Google fd20:ce::254, Alibaba 100.100.100.200, Azure 168.63.129.16 but for its name server, Oracle 192.0.0.192).
    /// </summary>
    [Networks]
    public string DeniedNetworks { get; set; } =
        "169.254.0.0/16,fe80::/10,fd00:ec2::254/128,fd00:ec2::23/128,fd20:ce::254/128,100.100.100.200/32,168.63.129.16/32@80,168.63.129.16/32@32526,192.0.0.192/32";

    /// <summary>Networks, in the same form, that may be connected to though they lie in denied ones. Default: none.</summary>
    [Networks]
    public string AllowedNetworks { get; set; } = "";

    /// <summary>
    /// True where users who are not trusted can add targets: denies loopback, private, shared and multicast ranges too, and targets with a proxy. Default: false.
    /// </summary>
    public bool MultiTenant { get; set; }

    /// <summary>Folder of the files that targets may refer to as <c>file:NAME</c>. Default: none, and such targets end as secret_fault.</summary>
    public string? SecretsDirectory { get; set; }

    /// <summary>
    /// Command batches held unacknowledged per partition, 1 to 10,000. Default: 128: a batch is held for the plan's lead of 3 s, its window and
    /// its tolerance of up to 5 s; 128 batches of 64 in 9 s are 900 slots/s per partition.
    /// </summary>
    [Range(1, 10_000)]
    public ushort PrefetchPerPartition { get; set; } = 128;

    /// <summary>Results in one message, 1 to 500. Default: 256. With the longest matches 500 are 12 MB; the broker takes 16.</summary>
    [Range(1, 500)]
    public int ReportSize { get; set; } = 256;

    /// <summary>How long a result waits for others to share its message, 10 ms to 5 s. Default: 100 ms.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:00:05")]
    public TimeSpan ReportDelay { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Results held until the broker has confirmed them, 1,000 to 10,000,000. Default: 100,000 (about 50 MB). What is over it ends as missed(lost): some 0.3 s of
    /// results are always held.
    /// </summary>
    [Range(1_000, 10_000_000)]
    public int ReportBuffer { get; set; } = 100_000;

    /// <summary>
    /// How far ahead of this collector's clock a slot may lie, 5 s to 10 min. Default: 16 s, the plan's longest lead and window plus 5 s. One that lies further
    /// is reported as missed(clock) instead of being held.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:05", "00:10:00")]
    public TimeSpan MaxAhead { get; set; } = TimeSpan.FromSeconds(16);
}
