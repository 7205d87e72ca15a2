using System.CommandLine;
using System.Globalization;
using Spectre.Console;

namespace Dac.Benchmarks.Planner;

/// <summary><c>planner</c>: what the plan of very many targets costs one scheduler.</summary>
internal static class PlannerCommand
{
    public static Command Create()
    {
        var targets = new Option<int>("--targets") { Description = "How many targets", DefaultValueFactory = _ => 1_000_000 };
        var hosts = new Option<int>("--hosts") { Description = "Hosts that they are spread over", DefaultValueFactory = _ => 10_000 };
        var partitions = new Option<int>("--partitions") { Description = "Partitions of the plan", DefaultValueFactory = _ => 16 };
        var interval = new Option<int>("--interval") { Description = "Interval of each target, s", DefaultValueFactory = _ => 60 };
        var options = new Option<bool>("--options") { Description = "Each target asks for HTTP options" };
        var command = new Command("planner", """
            Memory, loading, reloading and planning of very many targets, by one scheduler with SQLite.
              planner
              planner --partitions 64 --options
            """)
        { targets, hosts, partitions, interval, options };
        command.SetAction(async (parsed, cancellationToken) => Print(await PlannerRun.RunAsync(
            new PlannerSettings(parsed.GetValue(targets), parsed.GetValue(hosts), parsed.GetValue(partitions), parsed.GetValue(interval), parsed.GetValue(options)), cancellationToken)));
        return command;
    }

    private static void Print(PlannerFigures figures)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumn("").AddColumn(new TableColumn("").RightAligned()).HideHeaders();
        void Row(string name, FormattableString value) => table.AddRow(new Text(name), new Text(value.ToString(CultureInfo.InvariantCulture)));
        void Cost(string name, Cost cost) => Row(name, $"{cost.CpuMs:0.0} ms  {cost.Bytes / 1024.0:0} kB");
        var settings = figures.Settings;
        Row("targets, partitions, interval", $"{settings.Targets}  {settings.Partitions}  {settings.IntervalS} s{(settings.Options ? ", with HTTP options" : "")}");
        Row("memory per target, bytes", $"{figures.BytesPerTarget:0}");
        Row("of it the URL as a string", $"{figures.UrlBytes:0}");
        Row("loading, s; of it CPU", $"{figures.Load.Seconds:0.0}  {figures.Load.CpuSeconds:0.0}");
        Row("1 % changed: until planned from, s; of it CPU", $"{figures.Reload.Seconds:0.00}  {figures.Reload.CpuSeconds:0.00}");
        Row("longest that it holds a tick up, ms", $"{figures.Reload.LongestTickMs:0}");
        Row("slots in a second", $"{figures.SlotsPerSecond:0}");
        Cost("one second: choosing its slots", figures.Choose);
        Cost("first second after a change", figures.ChooseAfterChange);
        Cost("one second: columns and checksums for PostgreSQL", figures.Columns);
        Cost("one second: written through SQLite's plan store", figures.SqliteWrite);
        Cost("one second: commands in batches, as JSON", figures.Commands);
        AnsiConsole.Write(table);
    }
}
