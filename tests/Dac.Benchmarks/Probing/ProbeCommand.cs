using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using Dac.Benchmarks.EndToEnd;
using Spectre.Console;

namespace Dac.Benchmarks.Probing;

/// <summary><c>probe</c>: what one HTTP probe costs, without planning, bus and storage.</summary>
internal static class ProbeCommand
{
    private const string Inline = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    public static Command Create()
    {
        var seconds = new Option<int>("--duration") { Description = "Seconds that each paced row is measured", DefaultValueFactory = _ => 8 };
        var requests = new Option<int>("--requests") { Description = "Probes of each saturated row", DefaultValueFactory = _ => 20_000 };
        var command = new Command("probe", "What one HTTP probe costs: the collector's prober as it is shipped, the same over SocketsHttpHandler, the bare handler, and wrk.") { seconds, requests };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            // As a collector is shipped.
            Environment.SetEnvironmentVariable(Inline, Environment.GetEnvironmentVariable(Inline) ?? "1");
            AnsiConsole.WriteLine($"completions {(Environment.GetEnvironmentVariable(Inline) == "1" ? "inline" : "on the pool")}");
            var table = new Table().Border(TableBorder.Simple);
            foreach (var column in new[] { "", "connections", "at once", "CPU-ms per 1,000", "bytes each", "per s", "not up" })
                table.AddColumn(new TableColumn(column).RightAligned());
            foreach (var scheme in new[] { "http", "https" })
                await MeasureAsync(scheme, parsed.GetValue(requests), parsed.GetValue(seconds), table, cancellationToken);
            AnsiConsole.Write(table);
        });
        return command;
    }

    private static async Task MeasureAsync(string scheme, int requests, int seconds, Table table, CancellationToken cancellationToken)
    {
        var fresh = new Settings { Rate = 100, Interval = 1, Scheme = scheme, Reuse = false, Collectors = 0, Weight = 1, Standalone = false, Dead = 0, Hosts = 100, WarmUp = 0, Duration = seconds };
        await using var nginx = new Nginx(fresh);
        nginx.Start();
        // What the system trusts; read from the C library's environment, once.
        Trust("SSL_CERT_FILE", nginx.CertificateFile, 1);
        foreach (var settings in new[] { fresh, fresh with { Reuse = true } })
        {
            // A handshake costs ten times as much: fewer will do.
            var probes = scheme == "https" && !settings.Reuse ? requests / 4 : requests;
            await ProbeAsync($"{scheme} prober", new ProbeLoop(nginx, settings, byHandler: false), settings.Reuse, probes, seconds, table, cancellationToken);
            if (scheme == "https" && !settings.Reuse)
                await ProbeAsync("https prober, by name", new ProbeLoop(nginx, settings, byHandler: false, byName: true), settings.Reuse, probes, seconds, table, cancellationToken);
            await ProbeAsync($"{scheme} prober over SocketsHttpHandler", new ProbeLoop(nginx, settings, byHandler: true), settings.Reuse, probes, seconds, table, cancellationToken);
            table.AddRow($"{scheme} bare handler loop", Kept(settings.Reuse), "32", Text(await Reference.HandlerAsync(settings, nginx)), "", "", "");
            if (await Reference.WrkAsync(nginx.Url(0), settings.Reuse) is { } wrk)
                table.AddRow($"{scheme} wrk", Kept(settings.Reuse), "32", Text(wrk), "", "", "");
        }
    }

    private static async Task ProbeAsync(string name, ProbeLoop loop, bool reuse, int probes, int seconds, Table table, CancellationToken cancellationToken)
    {
        using (loop)
        {
            // As often again, so that it is the compiled code that is measured, and not the compiling.
            await loop.SaturatedAsync(probes, cancellationToken);
            Row(table, name, reuse, "32", await loop.SaturatedAsync(probes, cancellationToken));
            Row(table, name, reuse, "1,000/s", await loop.PacedAsync(1_000, seconds, cancellationToken));
        }
    }

    [DllImport("libc", EntryPoint = "setenv", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Trust(string name, string value, int overwrite);

    private static void Row(Table table, string name, bool reuse, string pace, ProbeCost cost) =>
        table.AddRow(name, Kept(reuse), pace, Text(cost.CpuMs), Text(cost.Bytes), Text(cost.PerSecond), Text(cost.NotUp));

    private static string Kept(bool reuse) => reuse ? "kept" : "fresh";

    private static string Text(double value) => value.ToString("0", CultureInfo.InvariantCulture);
}
