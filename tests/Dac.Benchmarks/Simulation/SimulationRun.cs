using Dac.Scheduler;
using Dac.Targets;

namespace Dac.Benchmarks.Simulation;

/// <summary>What came out of one simulation.</summary>
/// <param name="Partitions">How many.</param>
/// <param name="Skew">A host's share of the targets is one over its rank to this power; 0: all the same.</param>
/// <param name="SlotsPerSecond">Of all partitions.</param>
/// <param name="MeanBin">Slots in 10 ms, of all partitions, on average.</param>
/// <param name="FullestBin">The most slots in any 10 ms.</param>
/// <param name="FewestInWindow">Slots of one second of one partition.</param>
/// <param name="MeanInWindow">The same, on average.</param>
/// <param name="MostInWindow">The same, the most.</param>
/// <param name="MessagesPerSecond">Command batches of all partitions.</param>
/// <param name="FullestPartition">Targets of the fullest partition, against the mean.</param>
/// <param name="BusiestHost">Share of the slots that the busiest host gets.</param>
internal sealed record SimulationFigures(
    int Partitions, double Skew, double SlotsPerSecond, double MeanBin, int FullestBin, int FewestInWindow, double MeanInWindow, int MostInWindow,
    double MessagesPerSecond, double FullestPartition, double BusiestHost);

/// <summary>Plans every second of one interval with the schedule, the partitions and the planner as they are shipped.</summary>
internal static class SimulationRun
{
    private const int BinMs = 10;

    private const long StartMs = 1_750_000_020_000;

    public static SimulationFigures Run(int rate, int intervalS, int hosts, int partitions, double skew, int batch)
    {
        var count = rate * intervalS;
        var perHost = new int[hosts];
        var plan = Targets(count, intervalS, Shares(hosts, skew), partitions, perHost);
        var bins = new int[intervalS * 1_000 / BinMs];
        var windows = new List<int>();
        var messages = 0L;
        for (var second = 0; second < intervalS; second++)
        {
            for (short partition = 0; partition < partitions; partition++)
            {
                var window = plan[partition].Plan(partition, StartMs + second * Schedule.WindowMs, 1);
                foreach (var slot in window?.Slots ?? [])
                    bins[(second * 1_000 + slot.OffsetMs) / BinMs]++;
                windows.Add(window?.Slots.Count ?? 0);
                messages += (windows[^1] + batch - 1) / batch;
            }
        }
        return new SimulationFigures(
            partitions, skew, windows.Sum() / (double)intervalS, bins.Average(), bins.Max(), windows.Min(), windows.Average(), windows.Max(), messages / (double)intervalS,
            plan.Max(p => p.Count) / plan.Average(p => p.Count), perHost.Max() / (double)count);
    }

    private static PartitionTargets[] Targets(int count, int intervalS, double[] shares, int partitions, int[] perHost)
    {
        var plan = Enumerable.Range(0, partitions).Select(_ => new PartitionTargets()).ToArray();
        var target = new ProbeTarget { Key = "", Url = "", Host = "", IntervalMs = intervalS * 1_000, TimeoutMs = 10_000, ToleranceMs = 5_000, Locations = [], Paused = false };
        var (command, locations) = (CommandTemplates.Make(target), new short[] { 1 });
        // The same each time.
        var random = new Random(1);
        for (var id = 1; id <= count; id++)
        {
            var found = Array.BinarySearch(shares, random.NextDouble());
            var host = Math.Min(found < 0 ? ~found : found, shares.Length - 1);
            perHost[host]++;
            var partition = Partitioning.Of($"host-{host}.example.org", partitions);
            plan[partition].Add(new PlannedTarget(id, partition, target, locations, command));
        }
        return plan;
    }

    // Summed up, from the first host to the last.
    private static double[] Shares(int hosts, double skew)
    {
        var shares = Enumerable.Range(1, hosts).Select(rank => Math.Pow(rank, -skew)).ToArray();
        var sum = shares.Sum();
        for (var i = 0; i < hosts; i++)
            shares[i] = shares[i] / sum + (i > 0 ? shares[i - 1] : 0);
        return shares;
    }
}
