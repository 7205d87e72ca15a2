using Dac.Hosting;
using Dac.Standalone.Commands;
using Spectre.Console;

// The thread that learns of an answer takes it, instead of waking another: less CPU and jitter. The runtime reads it at its first socket, and from nowhere else.
const string Inline = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";
Environment.SetEnvironmentVariable(Inline, Environment.GetEnvironmentVariable(Inline) ?? "1");

// Into a file or pipe a table is as wide as it needs to be.
if (Console.IsOutputRedirected)
    AnsiConsole.Profile.Width = 250;

// Of one that runs already, as the image's health check asks each service.
if (args is ["--health"])
    return await DacHost.RunAsync("standalone", args, RunCommand.Url, _ => { });

return await CommandLine.RunAsync(args);
