using System.CommandLine;
using System.Globalization;
using Dac.Scheduler;
using Spectre.Console;

namespace Dac.Benchmarks.Simulation;

/// <summary><c>simulate</c>: the plan of many targets, as the schedule and the partitions make it.</summary>
internal static class SimulationCommand
{
    public static Command Create()
    {
        var rate = new Option<int>("--rate") { Description = "Slots per second", DefaultValueFactory = _ => 16_700 };
        var interval = new Option<int>("--interval") { Description = "Interval of each target, s", DefaultValueFactory = _ => 60 };
        var hosts = new Option<int>("--hosts") { Description = "Hosts that the targets are spread over", DefaultValueFactory = _ => 10_000 };
        var batch = new Option<int>("--batch") { Description = "Commands in a message", DefaultValueFactory = _ => new SchedulerOptions().BatchSize };
        var command = new Command("simulate", """
            How the slots of many targets fall: in time, over partitions and over hosts. Nothing is probed.
              simulate
              simulate --rate 1000 --interval 10
            """)
        { rate, interval, hosts, batch };
        command.SetAction(parsed => Print(parsed.GetValue(rate), parsed.GetValue(interval), parsed.GetValue(hosts), parsed.GetValue(batch)));
        return command;
    }

    private static void Print(int rate, int interval, int hosts, int batch)
    {
        var table = new Table().Border(TableBorder.Simple);
        string[] columns =
        [
            "partitions", "hosts' share", "slots/s", "10 ms: mean, fullest", "window: fewest, mean, most slots", "messages/s", "slots in each", "fullest partition, of the mean",
            "busiest host: share, slots/s",
        ];
        foreach (var column in columns)
            table.AddColumn(new TableColumn(column).RightAligned());
        foreach (var partitions in (int[])[16, 64])
        {
            foreach (var skew in (double[])[0, 0.5, 1])
                table.AddRow(Cells(SimulationRun.Run(rate, interval, hosts, partitions, skew, batch)).ToArray());
        }
        AnsiConsole.Write(table);
        var lead = new SchedulerOptions().Lead;
        var takeover = Takeover.Of((int)lead.TotalMilliseconds);
        AnsiConsole.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
            A scheduler that is killed once it has written a second, before it has published it; lead {lead.TotalSeconds:0} s, two schedulers at any moments of the second:
            another publishes it {takeover.LeastMs / 1000.0:0.00} s at least, {takeover.MeanMs / 1000.0:0.00} s on average before its first slot can be due.
            """));
    }

    private static IEnumerable<string> Cells(SimulationFigures f)
    {
        FormattableString[] cells =
        [
            $"{f.Partitions}", $"{(f.Skew == 0 ? "even" : $"1/rank^{f.Skew.ToString(CultureInfo.InvariantCulture)}")}", $"{f.SlotsPerSecond:0}", $"{f.MeanBin:0.0}  {f.FullestBin} ({f.FullestBin / f.MeanBin:0.00})",
            $"{f.FewestInWindow}  {f.MeanInWindow:0}  {f.MostInWindow}", $"{f.MessagesPerSecond:0}", $"{f.SlotsPerSecond / f.MessagesPerSecond:0.0}", $"{f.FullestPartition:0.00}",
            $"{f.BusiestHost:0.0000}  {f.BusiestHost * f.SlotsPerSecond:0}",
        ];
        return cells.Select(c => c.ToString(CultureInfo.InvariantCulture));
    }
}
