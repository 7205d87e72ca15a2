using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace Dac.Benchmarks.EndToEnd;

/// <summary><c>e2e</c>: from the plan to the row, on real processes.</summary>
internal static class EndToEndCommand
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static Command Create()
    {
        var rate = new Option<int>("--rate") { Description = "Checks per second", DefaultValueFactory = _ => 1_000 };
        var interval = new Option<int>("--interval") { Description = "Interval of each target, s", DefaultValueFactory = _ => 1 };
        var scheme = new Option<string>("--scheme") { Description = "http or https", DefaultValueFactory = _ => "http" };
        scheme.AcceptOnlyFromAmong("http", "https");
        var reuse = new Option<bool>("--reuse") { Description = "Keep connections instead of a fresh one for each probe" };
        var collectors = new Option<int>("--collectors") { Description = "How many collectors", DefaultValueFactory = _ => 1 };
        var weight = new Option<int>("--weight") { Description = "CPU weight of the collectors, as a multiple of everything else's (docker-compose.yml: 4); needs root", DefaultValueFactory = _ => 4 };
        var standalone = new Option<bool>("--standalone") { Description = "One process instead of three over RabbitMQ and PostgreSQL" };
        var dead = new Option<int>("--dead") { Description = "Further targets that never answer, each on a host of its own" };
        var stored = new Option<long>("--stored") { Description = "Rows that are stored before, in the partition that is written to (PostgreSQL; 100 million take 20 GB and some minutes)" };
        var hosts = new Option<int>("--hosts") { Description = "Loopback hosts that the targets are spread over, 250 at most", DefaultValueFactory = _ => 100 };
        var warmUp = new Option<int>("--warm-up") { Description = "Seconds before anything is measured", DefaultValueFactory = _ => 30 };
        var duration = new Option<int>("--duration") { Description = "Seconds that are measured", DefaultValueFactory = _ => 60 };
        var json = new Option<FileInfo?>("--json") { Description = "Write the figures there as JSON too", HelpName = "FILE" };
        var logs = new Option<DirectoryInfo?>("--logs") { Description = "Keep there what the services wrote", HelpName = "FOLDER" };
        var command = new Command("e2e", """
            From the plan to the row: real processes, RabbitMQ 4, PostgreSQL 17, and nginx to be probed.
              e2e --rate 1000
              e2e --rate 6500 --reuse --json figures.json
              e2e --rate 200 --dead 50
            """)
        { rate, interval, scheme, reuse, collectors, weight, standalone, dead, stored, hosts, warmUp, duration, json, logs };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var figures = await EndToEndRun.RunAsync(
                new Settings
                {
                    Rate = parsed.GetValue(rate),
                    Interval = parsed.GetValue(interval),
                    Scheme = parsed.GetValue(scheme)!,
                    Reuse = parsed.GetValue(reuse),
                    Collectors = parsed.GetValue(collectors),
                    Weight = parsed.GetValue(weight),
                    Standalone = parsed.GetValue(standalone),
                    Dead = parsed.GetValue(dead),
                    Stored = parsed.GetValue(stored),
                    Hosts = parsed.GetValue(hosts),
                    WarmUp = parsed.GetValue(warmUp),
                    Duration = parsed.GetValue(duration),
                    Logs = parsed.GetValue(logs)?.FullName,
                },
                AnsiConsole.WriteLine);
            Print(figures);
            if (parsed.GetValue(json) is { } file)
                await File.WriteAllTextAsync(file.FullName, JsonSerializer.Serialize(figures, Json), cancellationToken);
            return figures.Ledger.Pending + figures.Ledger.Unaccounted == 0 ? 0 : 1;
        });
        return command;
    }

    private static void Print(Figures figures)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumn("").AddColumn(new TableColumn("").RightAligned()).HideHeaders();
        void Row(string name, FormattableString value) => table.AddRow(new Text(name), new Text(value.ToString(CultureInfo.InvariantCulture)));
        var (settings, ledger) = (figures.Settings, figures.Ledger);
        Row("shape", $"{(settings.Standalone ? "standalone" : $"distributed, {settings.Collectors} collectors of CPU weight {settings.Weight}")}, {settings.Scheme}, {(settings.Reuse ? "kept" : "fresh")} connections");
        Row("checks/s asked, stored", $"{settings.Rate}  {figures.StoredPerSecond:0.0}");
        Row("lateness p50, p99, p99.9, max, ms", $"{figures.LatenessMs.P50:0.00}  {figures.LatenessMs.P99:0.00}  {figures.LatenessMs.P999:0.00}  {figures.LatenessMs.Max:0.0}");
        Row("latency p50, p99, p99.9, max, ms", $"{figures.LatencyMs.P50:0.00}  {figures.LatencyMs.P99:0.00}  {figures.LatencyMs.P999:0.00}  {figures.LatencyMs.Max:0.0}");
        Row("flagged saturated", $"{figures.Saturated}");
        Row("most in 10 ms, against the mean: started, seen by nginx", $"{figures.StartedBurst:0.0}  {figures.Burst:0.0}");
        foreach (var (name, ms) in figures.CpuMs)
            Row($"CPU-ms per 1,000, {name}", $"{ms:0}");
        Row("CPU-ms per 1,000, in all", $"{figures.TotalCpuMs:0}");
        foreach (var (name, ms) in figures.ReferenceMs)
            Row($"CPU-ms per 1,000, {name}", $"{ms:0}");
        Row("connections tracked by the kernel", $"{(figures.Tracked ? "yes" : "no")}");
        Row("CPU that the machine's host gave to others, %", $"{figures.Stolen * 100:0.0}");
        foreach (var (name, mb) in figures.MemoryMb)
            Row($"memory first, at most, last, MB, {name}", $"{mb.First:0}  {mb.Most:0}  {mb.Last:0}");
        foreach (var (outcome, count) in figures.Outcomes)
            Row($"rows, {outcome}", $"{count}");
        Row("planned, executed, unaccounted", $"{ledger.Planned}  {ledger.Executed}  {ledger.Unaccounted + ledger.Pending}");
        AnsiConsole.Write(table);
    }
}
