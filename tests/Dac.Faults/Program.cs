using Dac.Faults.Commands;
using Spectre.Console;

// Into a file or pipe a table is as wide as it needs to be.
if (Console.IsOutputRedirected)
    AnsiConsole.Profile.Width = 250;

// Containers are to be removed also when a run is broken off: it takes its time.
return await CommandLine.Create().Parse(args).InvokeAsync(new() { ProcessTerminationTimeout = TimeSpan.FromSeconds(60) });
