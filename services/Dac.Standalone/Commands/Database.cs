using System.CommandLine;
using Dac.Hosting;
using Dac.Storage;
using Spectre.Console;

namespace Dac.Standalone.Commands;

/// <summary>Which database a command works on: <c>--data</c>, or else the setting, or else ./data.</summary>
internal static class Database
{
    private const string Setting = "ConnectionStrings__Database";

    /// <summary>The option that every command has.</summary>
    public static Option<DirectoryInfo?> DataOption() => new("--data")
    {
        Description = $"Folder of the SQLite database. Default: the database of {Setting}, or else ./data",
        HelpName = "DIR",
    };

    /// <summary>The connection string: of <c>--data</c>, or else of the settings, the command line's first.</summary>
    public static string ConnectionString(DirectoryInfo? data, params string[] settings)
    {
        var configured = Configure(new ConfigurationBuilder(), settings).Build()["ConnectionStrings:Database"];
        return data is null && !string.IsNullOrEmpty(configured) ? configured : $"Data Source={Path.Combine(data?.FullName ?? Path.GetFullPath("data"), "dac.db")}";
    }

    /// <summary>Opens the database for one command, brings it up to date, and turns a refusal into a sentence and exit code 1.</summary>
    /// <param name="data">The value of <see cref="DataOption"/>.</param>
    /// <param name="create">Whether a SQLite file that is not there is made.</param>
    /// <param name="use">What to do with it; returns the exit code.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static Task<int> UseAsync(DirectoryInfo? data, bool create, Func<IServiceProvider, Task<int>> use, CancellationToken cancellationToken) =>
        UseAsync(() => ConnectionString(data), create, wait: false, use, cancellationToken);

    /// <summary>Likewise, on the database of a connection string; one that can't be reached is waited for where asked.</summary>
    public static async Task<int> UseAsync(
        Func<string> connectionString, bool create, bool wait, Func<IServiceProvider, Task<int>> use, CancellationToken cancellationToken, params string[] settings)
    {
        try
        {
            var builder = Host.CreateEmptyApplicationBuilder(new());
            Configure(builder.Configuration, settings);
            builder.Configuration["ConnectionStrings:Database"] = connectionString();
            builder.AddStorage();
            using var host = builder.Build();
            if (host.Services.GetRequiredService<DatabaseString>().File is { } file && !create && !File.Exists(file))
                throw new StartRefusedException($"There is no database at {file}. Start one with 'run' or 'import', or name its folder with --data DIR.");
            await host.Services.GetRequiredService<DatabaseMigrator>().StartAsync(wait, cancellationToken);
            return await use(host.Services);
        }
        catch (Exception e) when (DacHost.Refusal(e) is { } reason)
        {
            Errors.WriteLine(reason);
            return 1;
        }
    }

    // As the services read their settings.
    private static IConfigurationBuilder Configure(IConfigurationBuilder configuration, string[] settings) =>
        configuration.SetBasePath(AppContext.BaseDirectory).AddJsonFile("appsettings.json", optional: true).AddEnvironmentVariables().AddCommandLine(settings);

    /// <summary>Where errors go, in colour on a terminal; into a file or pipe, one line each.</summary>
    public static IAnsiConsole Errors { get; } = CreateErrors();

    private static IAnsiConsole CreateErrors()
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        if (Console.IsErrorRedirected)
            console.Profile.Width = 10_000;
        return console;
    }
}
