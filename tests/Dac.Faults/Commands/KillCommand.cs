using System.CommandLine;
using Dac.Faults.Injection;

namespace Dac.Faults.Commands;

/// <summary><c>kill-schedulers</c>, <c>kill-collectors</c>, <c>kill-writers</c>: kill -9 of one service of a kind, again and again, under load.</summary>
internal static class KillCommand
{
    public static Command Create(string service)
    {
        var times = new Option<int>("--times") { Description = "How often", DefaultValueFactory = _ => 10 };
        var rate = new Option<int>("--rate") { Description = "Slots per second, of targets of 5 s", DefaultValueFactory = _ => 1_000 };
        var name = $"kill-{service.ToLowerInvariant()}s";
        var command = new Command(name, $"""
            kill -9 of a random {service.ToLowerInvariant()} at random moments under load, each started again after a few seconds.
              dotnet run -c Release --project tests/Dac.Faults -- {name} --times 10 --rate 1000
            """)
        { times, rate };
        command.SetAction((parsed, _) => CommandLine.RunAsync(
            parsed, CommandLine.Settings(parsed) with { Targets = 5 * parsed.GetValue(rate), IntervalSeconds = 5 }, run => RunAsync(run, service, parsed.GetValue(times))));
        return command;
    }

    private static async Task RunAsync(FaultRun run, string service, int times)
    {
        var random = new Random(run.Settings.Seed);
        var replicas = run.Cluster.Of(service);
        for (var i = 0; i < times; i++)
        {
            await Task.Delay(TimeSpan.FromSeconds(3 + 10 * random.NextDouble()));
            var replica = random.Next(replicas.Count);
            await run.Injector.InjectAsync(new PlannedFault(Enum.Parse<FaultKind>($"Kill{service}"), default, TimeSpan.FromSeconds(1 + 3 * random.NextDouble()), replica, 0));
            // The other one may be the next: this one has to be back.
            await replicas[replica].ReadyAsync();
        }
    }
}
