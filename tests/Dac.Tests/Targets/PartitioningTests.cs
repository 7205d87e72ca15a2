using Dac.Targets;

namespace Dac.Tests.Targets;

public sealed class PartitioningTests
{
    [Fact]
    public void The_partition_of_a_host_is_the_one_it_had_yesterday() =>
        Assert.Equal(new short[] { 2, 15, 14 }, new[] { "example.org", "127.0.0.1", "localhost" }.Select(h => Partitioning.Of(h, 16)));

    [Fact]
    public void Hosts_spread_over_all_partitions()
    {
        var counts = new int[16];
        for (var i = 0; i < 1_600; i++)
            counts[Partitioning.Of($"host-{i}.example.org", 16)]++;
        Assert.All(counts, c => Assert.InRange(c, 50, 150));
    }
}
