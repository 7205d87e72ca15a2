using System.CommandLine;
using System.Text;
using Dac.Storage;
using Dac.Targets;
using Spectre.Console;

namespace Dac.Standalone.Commands;

/// <summary><c>import</c>: targets from CSV.</summary>
internal static class ImportCommand
{
    // What is none must not become another regex or key; with a mark at its beginning UTF-16 is read too.
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static Command Create()
    {
        var file = new Argument<FileInfo>("FILE") { Description = "CSV file; the first line names the columns" };
        var skip = new Option<bool>("--skip-invalid") { Description = "Import the good lines where there are bad ones" };
        var ifEmpty = new Option<bool>("--if-empty") { Description = "Import only into a database that has never had a target" };
        var data = Database.DataOption();
        var command = new Command("import", $"""
            Add or change targets from a CSV file, all or nothing.
              dac import samples/urls.csv
              dac import urls_small.csv --skip-invalid
            Columns: {string.Join(", ", TargetCsv.Columns)}. A file with "url_id","url","interval","regex" imports as it is.
            A line whose key (or url_id; else the URL) is there already changes that target. A DAC that runs takes the change up within 5 s.
            """)
        { file, skip, ifEmpty, data };
        command.SetAction((parsed, cancellationToken) =>
            ImportAsync(parsed.GetRequiredValue(file), Database.ConnectionString(parsed.GetValue(data)), parsed.GetValue(skip), parsed.GetValue(ifEmpty), wait: parsed.GetValue(ifEmpty), cancellationToken));
        return command;
    }

    public static async Task<int> ImportAsync(FileInfo file, string database, bool skipInvalid, bool ifEmpty, bool wait, CancellationToken cancellationToken, params string[] settings)
    {
        IReadOnlyList<TargetDefinition> targets;
        IReadOnlyList<CsvError> errors;
        try
        {
            using var reader = new StreamReader(file.FullName, Utf8);
            (targets, errors) = TargetCsv.Read(reader);
        }
        catch (DecoderFallbackException)
        {
            Database.Errors.WriteLine($"{file} is not UTF-8: save it as 'CSV UTF-8'.");
            return 1;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Database.Errors.WriteLine($"{file} can't be read: {e.Message} Give the path of a CSV file that this user may read.");
            return 1;
        }
        foreach (var error in errors)
            Database.Errors.MarkupLineInterpolated($"[red]{file.ToString()}[/] [yellow]line {error.Line}[/]: {Terminal.Clean(error.Error.ToString())}");
        // Nobody knows how many good lines there are behind one where the reading ends.
        var ended = errors.Any(e => e.IsEnd);
        if (errors.Count > 0 && (!skipInvalid || ended))
        {
            var lines = errors.Select(e => e.Line).Distinct().Count();
            Database.Errors.WriteLine($"Nothing was imported: {Count(lines, "line")} of {file} {(lines == 1 ? "is" : "are")} wrong. Correct {(lines == 1 ? "it" : "them")}{(targets.Count == 0 || ended ? "" : $", or import the other {Count(targets.Count, "line")} with --skip-invalid")}.");
            return 1;
        }
        // --if-empty is for the start of an installation, whose database may start at the same moment.
        return await Database.UseAsync(() => database, create: true, wait, async services =>
        {
            var store = services.GetRequiredService<TargetStore>();
            if (ifEmpty && await store.AnyAsync(cancellationToken))
            {
                AnsiConsole.WriteLine($"The database has targets: {file} was not imported.");
                return 0;
            }
            var summary = await SaveAsync(store, targets, cancellationToken);
            AnsiConsole.WriteLine($"Imported {file}: {summary.Added} added, {summary.Changed} changed, {summary.Unchanged} unchanged{(errors.Count > 0 ? $", {Count(errors.Select(e => e.Line).Distinct().Count(), "line")} skipped" : "")}.");
            return 0;
        }, cancellationToken, settings);
    }

    private static Task<SaveSummary> SaveAsync(TargetStore store, IReadOnlyList<TargetDefinition> targets, CancellationToken cancellationToken) =>
        targets.Count < 5_000
            ? store.SaveAsync(targets, null, cancellationToken)
            : AnsiConsole.Progress().StartAsync(context =>
            {
                var bar = context.AddTask("importing", maxValue: targets.Count);
                return store.SaveAsync(targets, new BarProgress(bar), cancellationToken);
            });

    private static string Count(int count, string what) => count == 1 ? $"1 {what}" : $"{count} {what}s";

    private sealed class BarProgress(ProgressTask bar) : IProgress<int>
    {
        public void Report(int value) => bar.Value = value;
    }
}
