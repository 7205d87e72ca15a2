using Dac.Faults.Cluster;

namespace Dac.Faults.Injection;

/// <summary>Faults by a random schedule, and random changes of targets meanwhile.</summary>
public static class RandomFaults
{
    /// <summary>Injects faults of these kinds for a time, and changes targets every few seconds meanwhile.</summary>
    public static async Task RunAsync(FaultRun run, TimeSpan time, IReadOnlyList<FaultKind> kinds, CancellationToken cancellationToken)
    {
        if (kinds.Contains(FaultKind.ClockStep) && !FaultCluster.HasFakeTime)
        {
            run.Say("clock-step is left out: libfaketime is not there (Debian: apt-get install faketime)");
            kinds = [.. kinds.Except([FaultKind.ClockStep])];
        }
        var schedule = FaultSchedule.Make(run.Settings.Seed, time, run.Settings.Size, kinds);
        run.Say($"{schedule.Count} faults to come");
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var changes = ChangeTargetsAsync(run, enough.Token);
        await run.Injector.RunAsync(schedule, cancellationToken);
        await enough.CancelAsync();
        await changes;
    }

    private static async Task ChangeTargetsAsync(FaultRun run, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            await run.Targets.ChangeAsync();
            await Task.Delay(TimeSpan.FromSeconds(3), cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
