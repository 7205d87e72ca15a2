using System.Globalization;
using System.Text.Json;
using Dac.Faults.Injection;
using Spectre.Console;

namespace Dac.Faults;

/// <summary>The result as a table, and as JSON.</summary>
public static class Report
{
    /// <summary>Violations of one rule that are shown; all are in <c>violations.log</c> and in the JSON.</summary>
    private const int Shown = 20;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static void Print(RunResult result, IAnsiConsole console)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumn("").AddColumn(new TableColumn("").RightAligned()).HideHeaders();
        void Head(string name) => table.AddRow(new Markup($"[bold]{name}[/]"), new Text(""));
        void Row(string name, object value) => table.AddRow(new Text("  " + name), new Text(Convert.ToString(value, CultureInfo.InvariantCulture)!));
        var figures = result.Figures;
        Head($"faults injected (seed {result.Settings.Seed})");
        foreach (var kind in result.Faults.GroupBy(f => f.Kind).OrderBy(g => g.Key, StringComparer.Ordinal))
            Row(kind.Key, kind.Count());
        foreach (var (change, count) in result.TargetChanges)
            Row($"target {change}", count);
        Head("slots");
        Row("planned", figures.Planned);
        Row("executed", figures.Executed);
        Row("observer faults", figures.ObserverFaults);
        foreach (var (reason, count) in figures.Missed)
            Row($"missed ({FaultSchedule.Words(reason)})", count);
        Row("unaccounted", figures.Planned - figures.Executed - figures.ObserverFaults - figures.Missed.Values.Sum());
        Row("started over 50 ms late", figures.Late);
        Row("seconds without a plan, over all partitions", figures.GapSeconds);
        Row("of these slots, only counted", figures.CountedInGaps);
        Row("planned in two partitions (target moved)", figures.PlannedTwice);
        Head("deliveries");
        Row("messages repeated by the suite", result.MessagesRepeated);
        Row("duplicates dropped by the writers, at least", result.DuplicatesDropped);
        Row("requests at the target server", figures.Requests);
        Row("of these more than one for a slot, near a fault or takeover", figures.ExtraRequests);
        Row("outcomes excused, the suite was starved", figures.Excused);
        Row("longest time without any request, s", figures.LongestPauseSeconds.ToString("0.0", CultureInfo.InvariantCulture));
        Head("memory before, at peak, at end, MB");
        foreach (var (service, memory) in result.MemoryMb)
            Row(service, string.Create(CultureInfo.InvariantCulture, $"{memory.Level:0}  {memory.Peak:0}  {memory.End:0}"));
        if (result.Measured.Count > 0)
            Head("measured");
        foreach (var (name, value) in result.Measured)
            Row(name, value);
        Head("violations");
        Row("in all", result.Violations.Count);
        console.Write(table);
        foreach (var rule in result.Violations.GroupBy(v => v.Rule))
        {
            console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[red]{rule.Key}[/]: {rule.Count()}");
            foreach (var violation in rule.Take(Shown))
                console.WriteLine("  " + violation.Detail);
        }
        if (result.Logs is not null)
            console.WriteLine($"Logs of the services: {result.Logs}");
    }

    public static async Task WriteAsync(RunResult result, FileInfo file) => await File.WriteAllTextAsync(file.FullName, JsonSerializer.Serialize(result, Json));
}
