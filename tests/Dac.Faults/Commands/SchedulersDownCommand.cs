using System.CommandLine;
using System.Globalization;
using Dac.Faults.Proof;
using Dac.SystemTests.Fixtures;
using Dac.Targets;

namespace Dac.Faults.Commands;

/// <summary><c>schedulers-down</c>: no scheduler for minutes, and targets changed just after their return.</summary>
internal static class SchedulersDownCommand
{
    public static Command Create()
    {
        var time = new Option<string>("--for") { Description = "How long: 90s, 2m", HelpName = "DURATION", DefaultValueFactory = _ => "2m" };
        var targets = new Option<int>("--targets") { Description = "How many targets, of 1 to 5 s", DefaultValueFactory = _ => 300 };
        var command = new Command("schedulers-down", """
            All schedulers killed, and back after a while; targets are added, changed and deleted just after. Their slots are missed (not planned), exactly.
              dotnet run -c Release --project tests/Dac.Faults -- schedulers-down --for 10m
            """)
        { time, targets };
        command.SetAction((parsed, _) => CommandLine.RunAsync(parsed, CommandLine.Settings(parsed) with { Targets = parsed.GetValue(targets) }, run =>
            RunAsync(run, Duration.TryParse(parsed.GetValue(time), out var span) ? span : throw new InvalidOperationException("--for is not a duration"))));
        return command;
    }

    private static async Task RunAsync(FaultRun run, TimeSpan time)
    {
        var schedulers = run.Cluster.Of("Scheduler");
        var returned = 0L;
        await run.Injector.NoteAsync("schedulers-down", "all", async () =>
        {
            await Task.WhenAll(schedulers.Select(s => s.KillAsync(time)));
            returned = Clock.NowMs;
        });
        // Just after the return: the gap must be reckoned with the targets as they were, not as they are by then.
        var changes = Task.Run(async () =>
        {
            for (var i = 0; i < 30; i++)
                await run.Targets.ChangeAsync();
        });
        await Task.WhenAll(schedulers.Select(s => s.ReadyAsync()));
        var ready = Clock.NowMs;
        double first = 0;
        // What was planned ahead of the kill is long over; the first request after the return is the first of a new plan.
        await Poll.UntilAsync("the first probe after the return", () => Task.FromResult((first = run.Cluster.Server.Requests.Select(r => r.AtMs).FirstOrDefault(at => at > returned)) > 0), TimeSpan.FromMinutes(2));
        await changes;
        run.Measured["from the start of the processes to the first probe, s"] = Seconds(first - returned);
        run.Measured["from both ready to the first probe, s"] = Seconds(first - ready);
    }

    private static string Seconds(double ms) => (ms / 1000).ToString("0.0", CultureInfo.InvariantCulture);
}
