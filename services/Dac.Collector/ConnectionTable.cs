using System.Globalization;

namespace Dac.Collector;

/// <summary>
/// The kernel's table of connections (netfilter's conntrack), where a firewall or Docker uses one. Once it is full, packets of new connections are dropped
/// without an error: each probe of a healthy target ends as a timeout. Of a host's table a container sees nothing.
/// </summary>
/// <param name="time">Tells when to look again.</param>
/// <param name="folder">Where the kernel tells of it (nf_conntrack-sysctl).</param>
public sealed class ConnectionTable(TimeProvider time, string folder = "/proc/sys/net/netfilter")
{
    /// <summary>From this share on it counts as full: entries end at all times, and others take their place.</summary>
    private const double Full = 0.99;

    private static readonly TimeSpan LookEach = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private long? _looked;
    private bool _full;

    /// <summary>Whether it is full, or was within the last second.</summary>
    public bool IsFull
    {
        get
        {
            lock (_lock)
            {
                if (_looked is { } looked && time.GetElapsedTime(looked) < LookEach)
                    return _full;
                _looked = time.GetTimestamp();
                return _full = Read("nf_conntrack_max") is { } most and > 0 && Read("nf_conntrack_count") >= most * Full;
            }
        }
    }

    private long? Read(string name)
    {
        try
        {
            return long.TryParse(File.ReadAllText(Path.Combine(folder, name)).AsSpan().Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
        }
        // No such table, or none that may be looked at.
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
