using System.CommandLine;
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
            return CommandLine.RunAsync(parsed, settings, run => RandomFaults.RunAsync(run, TimeSpan.FromMinutes(parsed.GetValue(minutes)), kinds, cancellationToken));
        });
    }

    private static FaultKind? Kind(string name) =>
        Enum.GetValues<FaultKind>().Cast<FaultKind?>().FirstOrDefault(k => FaultSchedule.Name(k!.Value) == name);
}
