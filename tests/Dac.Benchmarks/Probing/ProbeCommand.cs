using System.CommandLine;
using System.Globalization;
using Dac.Benchmarks.EndToEnd;
using Spectre.Console;

namespace Dac.Benchmarks.Probing;

/// <summary><c>probe</c>: what one HTTP probe costs, without planning, bus and storage.</summary>
internal static class ProbeCommand
{
    public static Command Create()
    {
        var seconds = new Option<int>("--duration") { Description = "Seconds that each paced row is measured", DefaultValueFactory = _ => 8 };
        var requests = new Option<int>("--requests") { Description = "Probes of each saturated row", DefaultValueFactory = _ => 20_000 };
        var command = new Command("probe", "What one HTTP probe costs: the collector's prober as it is shipped, the same over SocketsHttpHandler, the bare handler, and wrk.") { seconds, requests };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            AnsiConsole.WriteLine($"completions {(Environment.GetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS") == "1" ? "inline" : "on the pool")}");
            var table = new Table().Border(TableBorder.Simple);
            foreach (var column in new[] { "", "connections", "at once", "CPU-ms per 1,000", "bytes each", "per s", "not up" })
                table.AddColumn(new TableColumn(column).RightAligned());
            foreach (var scheme in new[] { "http", "https" })
            {
                foreach (var reuse in new[] { false, true })
                    await MeasureAsync(scheme, reuse, parsed.GetValue(requests), parsed.GetValue(seconds), table, cancellationToken);
            }
            AnsiConsole.Write(table);
        });
        return command;
    }

    private static async Task MeasureAsync(string scheme, bool reuse, int requests, int seconds, Table table, CancellationToken cancellationToken)
    {
        var settings = new Settings { Rate = 100, Interval = 1, Scheme = scheme, Reuse = reuse, Collectors = 0, Standalone = false, Dead = 0, Hosts = 100, WarmUp = 0, Duration = seconds };
        await using var nginx = new Nginx(settings);
        nginx.Start();
        // A handshake costs ten times as much: fewer will do.
        if (scheme == "https" && !reuse)
            requests /= 4;
        foreach (var byHandler in new[] { false, true })
        {
            using var loop = new ProbeLoop(nginx, settings, byHandler);
            var name = $"{scheme} prober{(byHandler ? " over SocketsHttpHandler" : "")}";
            // As often again, so that it is the compiled code that is measured, and not the compiling.
            await loop.SaturatedAsync(requests, cancellationToken);
            Row(table, name, reuse, "32", await loop.SaturatedAsync(requests, cancellationToken));
            Row(table, name, reuse, "1,000/s", await loop.PacedAsync(1_000, seconds, cancellationToken));
        }
        table.AddRow($"{scheme} bare handler loop", Kept(reuse), "32", Text(await Reference.HandlerAsync(settings, nginx)), "", "", "");
        if (await Reference.WrkAsync(nginx.Url(0), reuse) is { } wrk)
            table.AddRow($"{scheme} wrk", Kept(reuse), "32", Text(wrk), "", "", "");
    }

    private static void Row(Table table, string name, bool reuse, string pace, ProbeCost cost) =>
        table.AddRow(name, Kept(reuse), pace, Text(cost.CpuMs), Text(cost.Bytes), Text(cost.PerSecond), Text(cost.NotUp));

    private static string Kept(bool reuse) => reuse ? "kept" : "fresh";

    private static string Text(double value) => value.ToString("0", CultureInfo.InvariantCulture);
}
