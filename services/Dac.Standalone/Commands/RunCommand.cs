using System.CommandLine;
using Dac.Hosting;
using Dac.Web;
using Spectre.Console;

namespace Dac.Standalone.Commands;

/// <summary><c>run</c>: all services in this process.</summary>
internal static class RunCommand
{
    /// <summary>Where page and API are served by default.</summary>
    public const string Url = "http://127.0.0.1:8080";

    public static Command Create()
    {
        var command = new Command("run", """
            Probe everything in this process, and serve the page (the default command).
              dac run --import samples/urls.csv
              dac run --data /var/lib/dac --listen http://127.0.0.1:9000
            Any setting of docs/configuration.md can be given as --Section:Key=value.
            """);
        Configure(command);
        return command;
    }

    /// <summary>Gives a command the options and the action of <c>run</c>.</summary>
    public static void Configure(Command command)
    {
        var import = new Option<FileInfo?>("--import") { Description = "CSV of targets to import first: all of it or nothing", HelpName = "FILE" };
        var listen = new Option<string>("--listen", "--urls") { Description = "Where to serve page and API", HelpName = "URL", DefaultValueFactory = _ => Url };
        var data = Database.DataOption();
        command.Add(import);
        command.Add(listen);
        command.Add(data);
        command.TreatUnmatchedTokensAsErrors = false;
        command.Validators.Add(result =>
        {
            if (result.GetValue(listen) is { } url && !(Uri.TryCreate(url.Replace("//*", "//any").Replace("//+", "//any"), UriKind.Absolute, out var uri) && uri is { Scheme: "http" or "https", PathAndQuery: "/" } or { Scheme: "http" or "https", Host: "unix" or "pipe" }))
                result.AddError($"--listen '{url}' is not a URL: give one like http://127.0.0.1:8080.");
        });
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var settings = parsed.UnmatchedTokens.ToArray();
            if (settings.FirstOrDefault(s => !CommandLine.IsSetting(s)) is { } unknown)
            {
                Database.Errors.WriteLine($"'{CommandLine.Shown(unknown)}' is neither a command nor an option. See --help; settings are given as --Section:Key=value.");
                return 1;
            }
            var database = Database.ConnectionString(parsed.GetValue(data), settings);
            if (parsed.GetValue(import) is { } file && await ImportCommand.ImportAsync(file, database, skipInvalid: false, ifEmpty: false, wait: true, cancellationToken, settings) is not 0 and var failed)
                return failed;
            // What the user says goes before what the environment says.
            string[] url = parsed.GetResult(listen) is { Implicit: false } ? ["--urls", parsed.GetValue(listen)!] : [];
            return await DacHost.RunAsync(
                "standalone", [.. settings, .. url], parsed.GetValue(listen)!,
                builder =>
                {
                    builder.Configuration["ConnectionStrings:Database"] = database;
                    builder.AddStandalone();
                },
                app => app.MapWeb());
        });
    }
}
