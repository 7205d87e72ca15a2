using System.ComponentModel.DataAnnotations;

namespace Dac.Hosting;

/// <summary>Settings of section <c>Topology</c>: what all services must agree on.</summary>
public sealed class TopologyOptions
{
    /// <summary>Partitions of the plan and of the command queues, 1 to 1,024. Default: 16. Fixed in the database when it is created.</summary>
    [Range(1, 1024)]
    public int Partitions { get; set; } = 16;
}
