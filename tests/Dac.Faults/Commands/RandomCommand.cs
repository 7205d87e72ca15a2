using System.CommandLine;
using Dac.Faults.Cluster;
using Dac.Faults.Injection;

namespace Dac.Faults.Commands;

/// <summary>Without a command: a random schedule of faults and target changes.</summary>
internal static class RandomCommand
{
    public static void Configure(RootCommand root)
    {
        var minutes = new Option<double>("--minutes") { Description = "How long faults are injected", DefaultValueFactory = _ => 30 };
        var targets = new Option<int>("--targets") { Description = "How many targets, of 1 to 5 s", DefaultValueFactory = _ => 300 };
        var faults = new Option<string?>("--faults") { Description = $"Only these kinds: {string.Join(',', Enum.GetValues<FaultKind>().Select(FaultSchedule.Name))}", HelpName = "KIND,KIND" };
        root.Add(minutes);
        root.Add(targets);
        root.Add(faults);
        root.Validators.Add(result =>
        {
            if (result.GetValue(faults)?.Split(',').FirstOrDefault(name => Kind(name) is null) is { } unknown)
                result.AddError($"--faults '{unknown}' is no kind of fault. See --help.");
        });
        root.SetAction((parsed, cancellationToken) =>
        {
            var kinds = parsed.GetValue(faults)?.Split(',').Select(n => Kind(n)!.Value).ToArray() ?? Enum.GetValues<FaultKind>();
            var settings = CommandLine.Settings(parsed) with { Targets = parsed.GetValue(targets), FakeTime = kinds.Contains(FaultKind.ClockStep) };
            return CommandLine.RunAsync(parsed, settings, run => RunAsync(run, TimeSpan.FromMinutes(parsed.GetValue(minutes)), kinds, cancellationToken));
        });
    }

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

    private static FaultKind? Kind(string name) =>
        Enum.GetValues<FaultKind>().Cast<FaultKind?>().FirstOrDefault(k => FaultSchedule.Name(k!.Value) == name);
}
