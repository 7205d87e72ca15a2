using System.CommandLine;
using System.Globalization;
using Dac.Contracts;
using Dac.Storage;
using Dac.Storage.Model;
using Microsoft.EntityFrameworkCore;
using Spectre.Console;

namespace Dac.Standalone.Commands;

/// <summary><c>results</c>: the last measurements.</summary>
internal static class ResultsCommand
{
    private static readonly string[] Times = ["late", "resolve", "connect", "tls", "request", "first byte", "transfer", "total"];

    public static Command Create()
    {
        var target = new Option<string?>("--target") { Description = "Only this target: its id or its key", HelpName = "ID" };
        var last = new Option<int>("--last") { Description = "How many, 1 to 10,000", HelpName = "N", DefaultValueFactory = _ => 20 };
        last.Validators.Add(result =>
        {
            // Its text: asking for the number throws where it is none.
            if (result.Tokens is [var given] && !(int.TryParse(given.Value, CultureInfo.InvariantCulture, out var rows) && rows is >= 1 and <= 10_000))
                result.AddError($"--last '{given.Value}' is not a number of rows: give 1 to 10000.");
        });
        var data = Database.DataOption();
        var command = new Command("results", """
            List the last results, oldest first. Times in ms; 'late' is how much later than planned a probe started.
              dac results --last 50
              dac results --target https://example.org
            """)
        { target, last, data };
        command.SetAction((parsed, cancellationToken) => Database.UseAsync(
            parsed.GetValue(data), create: false, services => ListAsync(services, parsed.GetValue(target), parsed.GetValue(last), cancellationToken), cancellationToken));
        return command;
    }

    private static async Task<int> ListAsync(IServiceProvider services, string? target, int last, CancellationToken cancellationToken)
    {
        await using var db = await services.GetRequiredService<IDbContextFactory<DacDbContext>>().CreateDbContextAsync(cancellationToken);
        var query = db.Results.AsNoTracking();
        if (target is not null)
        {
            var byId = long.TryParse(target, CultureInfo.InvariantCulture, out var number) ? number : -1;
            var found = await db.Targets.Where(t => t.Key == target || t.Id == byId).OrderBy(t => t.Key != target).Select(t => (long?)t.Id).FirstOrDefaultAsync(cancellationToken);
            if (found is not { } id)
            {
                Database.Errors.WriteLine($"There is no target '{target}'. List them with: dac targets");
                return 1;
            }
            query = query.Where(r => r.TargetId == id);
        }
        var rows = await LastAsync(query, last, services.GetRequiredService<TimeProvider>().GetUtcNow(), cancellationToken);
        rows.Reverse();
        var ids = rows.Select(r => r.TargetId).Distinct().ToList();
        var keys = await db.Targets.AsNoTracking().Where(t => ids.Contains(t.Id)).ToDictionaryAsync(t => t.Id, t => t.Key, cancellationToken);
        Print(rows, keys);
        return 0;
    }

    // Results are indexed by target: to sort all of them for the last few of all targets would take long, so the past is looked through from its end.
    private static async Task<List<StoredResult>> LastAsync(IQueryable<StoredResult> query, int last, DateTimeOffset now, CancellationToken cancellationToken)
    {
        foreach (var hours in new[] { 0.05, 1, 24 })
        {
            var from = now.AddHours(-hours);
            var rows = await query.Where(r => r.ScheduledAt > from).OrderByDescending(r => r.ScheduledAt).Take(last).ToListAsync(cancellationToken);
            if (rows.Count == last)
                return rows;
        }
        return await query.OrderByDescending(r => r.ScheduledAt).Take(last).ToListAsync(cancellationToken);
    }

    private static void Print(List<StoredResult> rows, Dictionary<long, string> keys)
    {
        var table = new Table().Border(TableBorder.Simple)
            .AddColumns("scheduled (UTC)", "target", "outcome", "status").AddColumns([.. Times.Select(c => new TableColumn(c).RightAligned())]).AddColumn("match or error");
        foreach (var r in rows)
        {
            var colour = r.Outcome.Class() == OutcomeClass.Executed ? r.Outcome.Health() switch { TargetHealth.Up => "green", TargetHealth.Degraded => "yellow", _ => "red" } : "grey";
            table.AddRow(
            [
                new Markup(r.ScheduledAt.ToString("MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture)), new Markup(Markup.Escape(keys.GetValueOrDefault(r.TargetId, $"{r.TargetId}"))),
                new Markup($"[{colour}]{r.Outcome}[/]"), new Markup($"{r.StatusCode}"),
                .. new[] { r.LatenessUs, r.ResolveUs, r.ConnectUs, r.TlsUs, r.RequestUs, r.FirstByteUs, r.TransferUs, r.TotalUs }
                    .Select(us => new Markup(us is { } value ? (value / 1000.0).ToString("F2", CultureInfo.InvariantCulture) : "")),
                new Markup(Markup.Escape(Shorten(Terminal.Clean(r.Error ?? r.Match ?? "")))),
            ]);
        }
        AnsiConsole.Write(table);
        if (rows.Count == 0)
            AnsiConsole.WriteLine("No results yet.");
    }

    private static string Shorten(string text) => text.Length <= 60 ? text : text[..57] + "...";
}
