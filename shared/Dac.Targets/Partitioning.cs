using System.Text;

namespace Dac.Targets;

/// <summary>Which partition a target belongs to: all targets of a host to one, so that a host that hangs holds up no other partition.</summary>
public static class Partitioning
{
    /// <summary>FNV-1a (64 bit, folded) of the host, modulo the number of partitions: stable over versions, machines and languages.</summary>
    public static short Of(string host, int partitions)
    {
        var hash = 14695981039346656037UL;
        foreach (var octet in Encoding.UTF8.GetBytes(host))
            hash = unchecked((hash ^ octet) * 1099511628211UL);
        return (short)((hash ^ (hash >> 32)) % (ulong)partitions);
    }
}
