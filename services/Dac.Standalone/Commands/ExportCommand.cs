using System.CommandLine;
using Dac.Storage;
using Dac.Targets;
using Microsoft.EntityFrameworkCore;
using Spectre.Console;

namespace Dac.Standalone.Commands;

/// <summary><c>export</c>: targets to CSV.</summary>
internal static class ExportCommand
{
    public static Command Create()
    {
        var file = new Argument<FileInfo>("FILE") { Description = "CSV file to write; it is replaced where it is there" };
        var data = Database.DataOption();
        var command = new Command("export", """
            Write all targets to a CSV file that 'import' reads back.
              dac export targets.csv
            """)
        { file, data };
        command.SetAction((parsed, cancellationToken) => Database.UseAsync(parsed.GetValue(data), create: false, async services =>
        {
            await using var db = await services.GetRequiredService<IDbContextFactory<DacDbContext>>().CreateDbContextAsync(cancellationToken);
            var rows = await db.Targets.AsNoTracking().Where(t => t.DeletedAt == null).OrderBy(t => t.Id).Select(t => new { t.Key, t.Url, t.Spec }).ToListAsync(cancellationToken);
            try
            {
                // In memory first: a target that can't be written must not cost the file that is there.
                await using var text = new StringWriter();
                TargetCsv.Write(text, [.. rows.Select(r => TargetStore.ReadSpecOrUrl(r.Spec, r.Url) with { Key = r.Key })]);
                await File.WriteAllTextAsync(parsed.GetRequiredValue(file).FullName, text.ToString(), cancellationToken);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Database.Errors.WriteLine($"{parsed.GetRequiredValue(file)} can't be written: {e.Message}");
                return 1;
            }
            AnsiConsole.WriteLine($"Exported {rows.Count} targets to {parsed.GetRequiredValue(file)}.");
            return 0;
        }, cancellationToken));
        return command;
    }
}
