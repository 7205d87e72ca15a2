using Dac.Benchmarks.EndToEnd;
using Dac.Benchmarks.Micro;
using Dac.Benchmarks.Planner;
using Dac.Benchmarks.Probing;
using Dac.Benchmarks.Simulation;
using Spectre.Console;

// Into a file or pipe a table is as wide as it needs to be.
if (Console.IsOutputRedirected)
    AnsiConsole.Profile.Width = 250;

var root = new System.CommandLine.RootCommand("""
    Measures DAC on this machine. e2e needs Docker; it and probe need nginx for the targets (Debian: nginx-light).

      dotnet run -c Release --project tests/Dac.Benchmarks -- e2e --rate 1000
      dotnet run -c Release --project tests/Dac.Benchmarks -- planner
    docs/benchmarks.md explains the figures.
    """);
root.Add(EndToEndCommand.Create());
root.Add(ProbeCommand.Create());
root.Add(PlannerCommand.Create());
root.Add(SimulationCommand.Create());
root.Add(MicroCommand.Create());

// Containers are to be removed also when a run is broken off: it takes its time.
return await root.Parse(args).InvokeAsync(new() { ProcessTerminationTimeout = TimeSpan.FromSeconds(60) });
