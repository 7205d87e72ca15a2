using System.CommandLine;
using System.Globalization;
using Dac.Storage;
using Dac.Targets;
using Spectre.Console;

namespace Dac.Standalone.Commands;

/// <summary><c>ledger</c>: what became of every planned slot.</summary>
internal static class LedgerCommand
{
    public static Command Create()
    {
        var since = new Option<string>("--since") { Description = "How far back: 90s, 10m, 2h; 24h at most", HelpName = "DURATION", DefaultValueFactory = _ => "10m" };
        since.Validators.Add(result =>
        {
            if (!Duration.TryParse(result.GetValue(since), out var span) || span <= TimeSpan.Zero || span > TimeSpan.FromHours(24))
                result.AddError($"--since '{result.GetValue(since)}' is not a duration of up to 24h: write 90s, 10m or 2h.");
        });
        var target = new Option<long?>("--target") { Description = "Only this target's slots", HelpName = "ID" };
        var tag = new Option<string?>("--tag") { Description = "Only the slots of targets that have this tag now", HelpName = "TAG" };
        var data = Database.DataOption();
        var command = new Command("ledger", """
            Account for every slot: planned = executed + observer faults + missed + pending + unaccounted. Exit code 2 where any is unaccounted for,
            3 where the targets do not explain the plan itself, 1 for a mistake in the call.
              dac ledger --since 10m
              dac ledger --since 24h --target 7
              dac ledger --since 1h --tag production
            """)
        { since, target, tag, data };
        command.SetAction((parsed, cancellationToken) => Database.UseAsync(parsed.GetValue(data), create: false, async services =>
        {
            var span = Duration.TryParse(parsed.GetValue(since), out var duration) ? duration : TimeSpan.FromMinutes(10);
            var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
            var (reader, filter) = (services.GetRequiredService<LedgerReader>(), new LedgerFilter(parsed.GetValue(target), parsed.GetValue(tag)));
            if (!await reader.HasTargetsAsync(filter, cancellationToken))
            {
                Database.Errors.WriteLine($"There is no such target: {(filter.TargetId is { } id ? $"--target {id} " : "")}{(filter.Tag is { } name ? $"--tag {name} " : "")}names none. List them with: dac targets");
                return 1;
            }
            var ledger = await reader.ReadAsync(now - span, now, filter, cancellationToken);
            Print(ledger);
            return ledger.Unaccounted > 0 ? 2 : ledger.Alarms.Count > 0 ? 3 : 0;
        }, cancellationToken));
        return command;
    }

    private static void Print(Ledger ledger)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumn("slots").AddColumn(new TableColumn("number").RightAligned());
        void Row(string name, long count, string colour = "default") =>
            table.AddRow(new Markup(count > 0 ? $"[{colour}]{name}[/]" : name), new Markup(count.ToString("N0", CultureInfo.InvariantCulture)));
        Row("planned", ledger.Planned);
        Row("  executed", ledger.Executed);
        Row("    up", ledger.Up, "green");
        Row("    degraded", ledger.Degraded, "yellow");
        Row("    down", ledger.Down, "red");
        Row("  observer faults", ledger.ObserverFaults, "yellow");
        Row("  missed", ledger.Missed.Sum, "yellow");
        Row("    expired", ledger.Missed.Expired, "yellow");
        Row("    lost", ledger.Missed.Lost, "yellow");
        Row("    undeliverable", ledger.Missed.Undeliverable, "yellow");
        Row("    clock", ledger.Missed.Clock, "yellow");
        Row("    not planned", ledger.Missed.NotPlanned, "yellow");
        Row("  pending", ledger.Pending);
        Row("  unaccounted", ledger.Unaccounted, "red");
        AnsiConsole.Write(table);
        AnsiConsole.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{ledger.From:u} to {ledger.To:u}"));
        AnsiConsole.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"coverage {Percent(ledger.CoveragePercent)} ({ledger.Executed} of {ledger.Planned - ledger.Pending} due), uptime {Percent(ledger.UptimePercent)} ({ledger.Up + ledger.Degraded} of {ledger.Executed} executed), {ledger.Late} started over 50 ms late"));
        if (ledger.GapSeconds > 0)
            AnsiConsole.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[yellow]No scheduler was planning for {ledger.GapSeconds} partition seconds of it.[/]");
        foreach (var alarm in ledger.Alarms)
            AnsiConsole.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[red]{alarm}.[/]");
    }

    private static string Percent(double? share) => share is { } value ? string.Create(CultureInfo.InvariantCulture, $"{value:F3} %") : "-";
}
