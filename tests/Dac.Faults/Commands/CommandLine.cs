using System.CommandLine;
using Dac.Faults.Injection;
using Dac.Faults.Proof;
using Spectre.Console;

namespace Dac.Faults.Commands;

/// <summary>The command line: without a command, a random schedule of faults.</summary>
internal static class CommandLine
{
    private static readonly Option<int> Seed = new("--seed") { Description = "The same seed, the same faults and targets", DefaultValueFactory = _ => 1, Recursive = true };
    private static readonly Option<int> Schedulers = new("--schedulers") { Description = "How many schedulers", DefaultValueFactory = _ => 2, Recursive = true };
    private static readonly Option<int> Collectors = new("--collectors") { Description = "How many collectors", DefaultValueFactory = _ => 3, Recursive = true };
    private static readonly Option<int> Writers = new("--writers") { Description = "How many writers", DefaultValueFactory = _ => 2, Recursive = true };
    private static readonly Option<FileInfo?> Json = new("--json") { Description = "Write the result there as JSON too", HelpName = "FILE", Recursive = true };

    public static RootCommand Create()
    {
        var root = new RootCommand("""
            Harms a DAC of its own in every way, and proves that every slot is accounted for. Needs Docker.

              dotnet run -c Release --project tests/Dac.Faults -- --seed 1 --minutes 30
              dotnet run -c Release --project tests/Dac.Faults -- kill-schedulers --rate 1000
            Exit code 0: no violation. docs/faults.md explains the table.
            """)
        { Seed, Schedulers, Collectors, Writers, Json };
        RandomCommand.Configure(root);
        foreach (var service in new[] { "Scheduler", "Collector", "Writer" })
            root.Add(KillCommand.Create(service));
        root.Add(SchedulersDownCommand.Create());
        root.Add(DatabaseDownCommand.Create());
        return root;
    }

    /// <summary>Settings by the options that all commands have.</summary>
    public static RunSettings Settings(ParseResult parsed) => new()
    {
        Seed = parsed.GetValue(Seed),
        Size = new ClusterSize(parsed.GetValue(Schedulers), parsed.GetValue(Collectors), parsed.GetValue(Writers)),
    };

    /// <summary>Runs, prints, and returns the exit code.</summary>
    public static async Task<int> RunAsync(ParseResult parsed, RunSettings settings, Func<FaultRun, Task> script)
    {
        var result = await FaultRun.RunAsync(settings, script, text => AnsiConsole.WriteLine($"{Clock.Text(Clock.NowMs)} {text}"));
        Report.Print(result, AnsiConsole.Console);
        if (parsed.GetValue(Json) is { } file)
            await Report.WriteAsync(result, file);
        return result.Violations.Count == 0 ? 0 : 1;
    }
}
