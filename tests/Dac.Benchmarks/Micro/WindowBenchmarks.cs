using BenchmarkDotNet.Attributes;
using Dac.Scheduler;
using Dac.Storage;
using Dac.Targets;

namespace Dac.Benchmarks.Micro;

/// <summary>A window of 1,000 slots, out of 60,000 targets of one partition.</summary>
public class WindowBenchmarks
{
    private const long StartMs = 1_750_000_020_000;

    private readonly PartitionTargets _targets = new();
    private IReadOnlyList<PlannedWindow> _windows = [];
    private int _second;

    [GlobalSetup]
    public void Fill()
    {
        var target = TargetValidator.Validate(new() { Url = "https://example.org/health", Interval = "60s" }).Target!;
        var (command, locations) = (CommandTemplates.Make(target), new short[] { 1 });
        for (var id = 1; id <= 60_000; id++)
            _targets.Add(new PlannedTarget(id, 0, target, locations, command));
        _windows = [_targets.Plan(0, StartMs, 1)!];
    }

    [Benchmark]
    public PlannedWindow? Plan() => _targets.Plan(0, StartMs + _second++ % 60 * Schedule.WindowMs, 1);

    [Benchmark]
    public long Checksum() => _windows[0].Checksum();

    /// <summary>As PostgreSQL's plan store encodes it, the checksum included.</summary>
    [Benchmark]
    public object Columns() => SlotColumns.Of(_windows);
}
