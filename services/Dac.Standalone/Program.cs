using Dac.Standalone.Commands;
using Spectre.Console;

// Into a file or pipe a table is as wide as it needs to be.
if (Console.IsOutputRedirected)
    AnsiConsole.Profile.Width = 250;

// The host has its own handling of signals, with the time that a clean stop takes.
var parsed = CommandLine.Create().Parse(args);
return ProbeCommand.ExitCode(parsed, await parsed.InvokeAsync(new() { ProcessTerminationTimeout = null }));
