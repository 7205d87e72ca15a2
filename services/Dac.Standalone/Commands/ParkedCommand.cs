using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Dac.Contracts;
using Dac.Storage;
using Dac.Storage.Model;
using Microsoft.EntityFrameworkCore;
using Spectre.Console;

namespace Dac.Standalone.Commands;

/// <summary><c>parked</c>: what could not be stored or understood, to look at, to try again, or to drop.</summary>
internal static class ParkedCommand
{
    /// <summary>What is listed of each kind, and what is read at once.</summary>
    private const int Limit = 1_000;

    public static Command Create()
    {
        var (data, broker) = (Database.DataOption(), ParkedMessages.Option());
        var command = new Command("parked", """
            List results that the database refused, and, with a broker, messages that no service could read; each with its reason.
              dac parked
              dac parked --broker amqp://dac:PASSWORD@127.0.0.1:5672
              dac parked replay
              dac parked drop
            """)
        { data, broker };
        command.SetAction((parsed, cancellationToken) => Database.UseAsync(parsed.GetValue(data), create: false, async services =>
        {
            var table = new Table().Border(TableBorder.Simple).AddColumns("where", "when", "reason", "what");
            foreach (var row in await ReadAsync(services, 0, cancellationToken))
                table.AddRow(new Text("parked_result " + row.Id), new Text(row.ParkedAt.ToString("u", CultureInfo.InvariantCulture)), new Text(Terminal.Clean(row.Reason)), new Text(Terminal.Clean(What(row))));
            await using var messages = await ParkedMessages.OpenAsync(services, parsed.GetValue(broker), cancellationToken);
            await foreach (var message in messages.ReadAsync(Limit, cancellationToken))
                table.AddRow(new Text(message.Queue), new Text(message.At), new Text(Terminal.Clean(message.Reason)), new Text(Terminal.Clean(message.Text)));
            AnsiConsole.Write(table);
            AnsiConsole.WriteLine(table.Rows.Count == 0 ? "Nothing is parked." : $"{table.Rows.Count} parked{(table.Rows.Count >= Limit ? $", the first {Limit} of each kind" : "")}. Once the cause is mended: dac parked replay.");
            return 0;
        }, cancellationToken));
        command.Add(Each("replay", "Try everything that is parked again; what is refused again stays.", ReplayAsync, (m, c) => m.ReplayAsync(c)));
        command.Add(Each("drop", "Drop everything that is parked.", DropAsync, (m, c) => m.DropAsync(c)));
        return command;
    }

    private static Command Each(
        string name, string description, Func<IServiceProvider, ParkedResult, CancellationToken, Task<bool>> row, Func<ParkedMessages, CancellationToken, Task<int>> messages)
    {
        var (data, broker) = (Database.DataOption(), ParkedMessages.Option());
        var command = new Command(name, $"{description}\n  dac parked {name}") { data, broker };
        command.SetAction((parsed, cancellationToken) => Database.UseAsync(parsed.GetValue(data), create: false, async services =>
        {
            var (done, left) = (0, 0);
            for (var last = 0L; await ReadAsync(services, last, cancellationToken) is { Count: > 0 } some; last = some[^1].Id)
            {
                foreach (var parked in some)
                    _ = await row(services, parked, cancellationToken) ? done++ : left++;
            }
            await using var open = await ParkedMessages.OpenAsync(services, parsed.GetValue(broker), cancellationToken);
            done += await messages(open, cancellationToken);
            AnsiConsole.WriteLine($"{done} done, {left} left.");
            return left == 0 ? 0 : 2;
        }, cancellationToken));
        return command;
    }

    private static async Task<bool> ReplayAsync(IServiceProvider services, ParkedResult parked, CancellationToken cancellationToken)
    {
        var batch = Read(parked);
        if (batch is not { Results: [var result] } || !short.TryParse(batch.Location.TrimStart('#'), out var location) || !int.TryParse(batch.Collector.TrimStart('#'), out var collector))
            return Refused(parked, "it is no result that a writer has parked");
        try
        {
            await services.GetRequiredService<IResultStore>().WriteAsync([new ResultRow(location, collector, result)], cancellationToken);
        }
        catch (RowsRefusedException e)
        {
            return Refused(parked, e.Message);
        }
        return await DropAsync(services, parked, cancellationToken);
    }

    private static async Task<bool> DropAsync(IServiceProvider services, ParkedResult parked, CancellationToken cancellationToken)
    {
        await using var db = await services.GetRequiredService<IDbContextFactory<DacDbContext>>().CreateDbContextAsync(cancellationToken);
        await db.ParkedResults.Where(p => p.Id == parked.Id).ExecuteDeleteAsync(cancellationToken);
        return true;
    }

    private static bool Refused(ParkedResult parked, string reason)
    {
        Database.Errors.WriteLine($"parked_result {parked.Id} stays: {reason}");
        return false;
    }

    private static async Task<List<ParkedResult>> ReadAsync(IServiceProvider services, long last, CancellationToken cancellationToken)
    {
        await using var db = await services.GetRequiredService<IDbContextFactory<DacDbContext>>().CreateDbContextAsync(cancellationToken);
        return await db.ParkedResults.AsNoTracking().Where(p => p.Id > last).OrderBy(p => p.Id).Take(Limit).ToListAsync(cancellationToken);
    }

    private static string What(ParkedResult parked) => Read(parked) is { Results: [var result] }
        ? string.Create(CultureInfo.InvariantCulture, $"target {result.TargetId} at {DateTimeOffset.FromUnixTimeMilliseconds(result.ScheduledAtMs):O}: {result.Outcome}")
        : parked.Payload;

    private static ProbeResultBatch? Read(ParkedResult parked)
    {
        try
        {
            return ContractJson.Read(Encoding.UTF8.GetBytes(parked.Payload), ContractJson.Default.ProbeResultBatch);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
