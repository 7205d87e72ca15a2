using System.CommandLine;
using System.Globalization;
using Dac.Faults.Cluster;
using Dac.Faults.Injection;
using Dac.Targets;

namespace Dac.Faults.Commands;

/// <summary><c>database-down</c>: PostgreSQL stopped for minutes under load, and the scheduler that goes on planning killed meanwhile.</summary>
internal static class DatabaseDownCommand
{
    public static Command Create()
    {
        var time = new Option<string>("--for") { Description = "How long: 90s, 3m", HelpName = "DURATION", DefaultValueFactory = _ => "3m" };
        var rate = new Option<int>("--rate") { Description = "Slots per second, of targets of 5 s", DefaultValueFactory = _ => 1_000 };
        var command = new Command("database-down", """
            PostgreSQL stopped for a while; after half of it the scheduler that publishes meanwhile is killed.
              dotnet run -c Release --project tests/Dac.Faults -- database-down --for 3m --rate 1000
            """)
        { time, rate };
        command.SetAction((parsed, _) => CommandLine.RunAsync(
            parsed, CommandLine.Settings(parsed) with { Targets = 5 * parsed.GetValue(rate), IntervalSeconds = 5 },
            run => RunAsync(run, Duration.TryParse(parsed.GetValue(time), out var span) ? span : throw new InvalidOperationException("--for is not a duration"))));
        return command;
    }

    private static async Task RunAsync(FaultRun run, TimeSpan time)
    {
        await run.Injector.NoteAsync("database-stop", "", async () =>
        {
            await run.Cluster.Postgres.StopAsync();
            await Task.Delay(time / 2);
            var publisher = await PublisherAsync(run);
            var index = run.Cluster.Of("Scheduler").IndexOf(publisher);
            await run.Injector.InjectAsync(new PlannedFault(FaultKind.KillScheduler, default, TimeSpan.FromSeconds(2), index, 0));
            await Task.Delay(time / 2);
            run.Measured["results waiting in the broker at the end of the outage, messages"] = $"{await run.Cluster.WaitingResultsAsync()}";
            await run.Cluster.Postgres.StartAsync();
        });
        var back = TimeProvider.System.GetTimestamp();
        // Two looks in a row: a writer takes a queue empty before it has stored what it took.
        for (var empty = 0; empty < 2; empty = await run.Cluster.WaitingResultsAsync() == 0 ? empty + 1 : 0)
            await Task.Delay(TimeSpan.FromMilliseconds(500));
        run.Measured["drain: from the database's return to an empty queue, s"] = TimeProvider.System.GetElapsedTime(back).TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture);
    }

    // Whose counter of published slots grows.
    private static async Task<Replica> PublisherAsync(FaultRun run)
    {
        var schedulers = run.Cluster.Of("Scheduler");
        var before = new List<double>();
        foreach (var scheduler in schedulers)
            before.Add(await scheduler.MetricAsync("dac_slots_published_total") ?? 0);
        await Task.Delay(TimeSpan.FromSeconds(5));
        var grown = new List<(Replica Scheduler, double Slots)>();
        foreach (var (scheduler, old) in schedulers.Zip(before))
            grown.Add((scheduler, (await scheduler.MetricAsync("dac_slots_published_total") ?? old) - old));
        var (publisher, slots) = grown.MaxBy(g => g.Slots);
        run.Measured["slots published in 5 s by the scheduler that was killed"] = slots.ToString("0", CultureInfo.InvariantCulture);
        return publisher;
    }
}
