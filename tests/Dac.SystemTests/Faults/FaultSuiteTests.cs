using Dac.Faults;
using Dac.Faults.Injection;
using Dac.SystemTests.Distributed;

namespace Dac.SystemTests.Faults;

/// <summary>A short run of the fault suite (docs/faults.md); the long ones are its own program's.</summary>
[Collection(nameof(DistributedTests.Alone))]
public sealed class FaultSuiteTests
{
    [Fact]
    public async Task Every_slot_is_accounted_for_after_a_minute_and_a_half_of_faults()
    {
        var settings = new RunSettings { Seed = 5, Size = new(2, 2, 1), Targets = 100, Calm = TimeSpan.FromSeconds(5), Quiet = TimeSpan.FromSeconds(15) };
        var result = await FaultRun.RunAsync(settings, run => RandomFaults.RunAsync(run, TimeSpan.FromSeconds(90), Kinds, TestContext.Current.CancellationToken), TestContext.Current.TestOutputHelper!.WriteLine);
        Assert.True(result.Faults.Count >= 8, $"only {result.Faults.Count} faults");
        Assert.True(result.Figures is { Planned: > 2_000, Executed: > 1_000 }, $"{result.Figures}");
        Assert.True(result.Violations.Count == 0, $"{result.Violations.Count} violations, logs in {result.Logs}:\n{string.Join('\n', result.Violations.Take(50))}");
    }

    // Those that cost little time to heal: on a machine of two cores each start of a process is seconds of its own.
    private static readonly FaultKind[] Kinds =
    [
        FaultKind.KillScheduler, FaultKind.KillCollector, FaultKind.KillWriter, FaultKind.StopCollector, FaultKind.StopScheduler, FaultKind.PauseScheduler, FaultKind.PauseWriter,
        FaultKind.CutConnections, FaultKind.DatabaseStop, FaultKind.DatabaseBlackHole, FaultKind.BrokerStop, FaultKind.Duplicates,
    ];
}
