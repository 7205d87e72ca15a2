using System.CommandLine;
using System.Globalization;
using Dac.Contracts;
using Dac.Storage;
using Microsoft.EntityFrameworkCore;
using Spectre.Console;

namespace Dac.Standalone.Commands;

/// <summary><c>targets</c>: what is probed, and how it is.</summary>
internal static class TargetsCommand
{
    private const int Limit = 1_000;

    public static Command Create()
    {
        var data = Database.DataOption();
        var command = new Command("targets", """
            List the targets with their state.
              dac targets
            """)
        { data };
        command.SetAction((parsed, cancellationToken) => Database.UseAsync(parsed.GetValue(data), create: false, async services =>
        {
            await using var db = await services.GetRequiredService<IDbContextFactory<DacDbContext>>().CreateDbContextAsync(cancellationToken);
            var targets = await db.Targets.AsNoTracking().Where(t => t.DeletedAt == null).OrderBy(t => t.Id).Take(Limit).ToListAsync(cancellationToken);
            var ids = targets.ConvertAll(t => t.Id);
            var states = (await db.States.AsNoTracking().Where(s => ids.Contains(s.TargetId)).ToListAsync(cancellationToken)).ToLookup(s => s.TargetId);
            var locations = await db.Locations.AsNoTracking().ToDictionaryAsync(l => l.Id, l => l.Name, cancellationToken);
            var table = new Table().Border(TableBorder.Simple).AddColumns("id", "key", "every", "state", "since", "last");
            foreach (var target in targets)
            {
                var definition = TargetStore.ReadSpecOrUrl(target.Spec, target.Url);
                var every = definition.Paused ? "paused" : definition.Interval ?? definition.Cron ?? "";
                if (!states.Contains(target.Id))
                    table.AddRow(Cells(target.Id, target.Key, every, "[grey]not probed yet[/]", "", ""));
                foreach (var state in states[target.Id])
                {
                    var health = state.Health switch { TargetHealth.Up => "[green]up[/]", TargetHealth.Degraded => "[yellow]degraded[/]", _ => "[red]down[/]" };
                    table.AddRow(Cells(
                        target.Id, target.Key, every, states[target.Id].Count() > 1 ? $"{health} at {locations[state.LocationId]}" : health,
                        state.Since.ToString("u", CultureInfo.InvariantCulture), state.Error is { } error ? Terminal.Clean(error) : string.Create(CultureInfo.InvariantCulture, $"{state.StatusCode} in {state.TotalUs / 1000.0:F1} ms")));
                }
            }
            AnsiConsole.Write(table);
            if (targets.Count == Limit)
                AnsiConsole.WriteLine($"The first {Limit} only; all of them: dac export FILE.");
            return 0;
        }, cancellationToken));
        return command;
    }

    private static Markup[] Cells(long id, string key, string every, string state, string since, string last) =>
        [new(id.ToString(CultureInfo.InvariantCulture)), new(Markup.Escape(key)), new(Markup.Escape(every)), new(state), new(since), new(Markup.Escape(last))];
}
