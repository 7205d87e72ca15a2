using System.Globalization;
using CsvHelper;
using CsvHelper.Configuration;

namespace Dac.Targets;

/// <summary>One bad line of a CSV file.</summary>
/// <param name="Line">Where the record starts; the first line of the file is 1.</param>
/// <param name="Error">The field, what is wrong with it, and the fix.</param>
/// <param name="IsEnd">Nothing behind this line could be read.</param>
public sealed record CsvError(int Line, FieldError Error, bool IsEnd = false)
{
    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"line {Line}: {Error}");
}

/// <summary>
/// Targets as CSV (RFC 4180), with the columns named in the first line, in any order. It reads the Python program's
/// <c>"url_id","url","interval","regex"</c> as it is. Options have columns like <c>http.status</c> (<see cref="OptionColumns"/>).
/// </summary>
public static class TargetCsv
{
    /// <summary>The columns. <c>url_id</c> is read as <c>key</c>; locations and tags are separated by <c>;</c>.</summary>
    public static readonly IReadOnlyList<string> Columns =
        ["key", "url", "interval", "cron", "time_zone", "regex", "timeout", "latency_limit", "tolerance", "locations", "tags", "paused"];

    /// <summary>More than the longest that is valid: 32 headers of 2,000 characters.</summary>
    private const int MaxField = 100_000;

    /// <summary>Reads all lines; every good one is a definition, every bad one an error or more.</summary>
    public static (IReadOnlyList<TargetDefinition> Targets, IReadOnlyList<CsvError> Errors) Read(TextReader reader)
    {
        using var csv = new CsvParser(reader, new CsvConfiguration(CultureInfo.InvariantCulture)
        {
            BadDataFound = null,
            IgnoreBlankLines = true,
            MaxFieldSize = MaxField,
            TrimOptions = TrimOptions.Trim,
        });
        var targets = new List<TargetDefinition>();
        var errors = new List<CsvError>();
        var keys = new Dictionary<string, int>(StringComparer.Ordinal);
        if (!Next(csv, 1, errors))
        {
            if (errors.Count == 0)
                errors.Add(new(1, new("file", null, "is empty", $"the first line names the columns, like {string.Join(',', Columns.Take(3))}"), IsEnd: true));
        }
        else if (ReadHeader(csv.Record!, errors) is { } columns)
        {
            for (var line = csv.RawRow + 1; Next(csv, line, errors); line = csv.RawRow + 1)
            {
                if (IsOpen(csv.RawRecord))
                {
                    errors.Add(new(line, new("file", null, "a quote is not closed, and what follows can't be read", "close it, or write it twice where it is part of the field"), IsEnd: true));
                    break;
                }
                ReadRecord(csv.Record!, csv.RawRow - NewLines(csv.RawRecord), columns, keys, targets, errors);
            }
        }
        return (targets, errors);
    }

    /// <summary>Writes definitions with all columns, of options those that are in use; <see cref="Read"/> reads them back the same.</summary>
    public static void Write(TextWriter writer, IReadOnlyList<TargetDefinition> targets)
    {
        using var csv = new CsvWriter(writer, CultureInfo.InvariantCulture, leaveOpen: true);
        var options = OptionColumns.InUse(targets);
        foreach (var column in Columns.Concat(options.Select(o => o.Name)))
            csv.WriteField(column);
        csv.NextRecord();
        foreach (var target in targets)
        {
            string?[] fields =
            [
                target.Key, target.Url, target.Interval, target.Cron, target.TimeZone, target.Regex, target.Timeout, target.LatencyLimit, target.Tolerance,
                string.Join(';', target.Locations ?? []), string.Join(';', target.Tags ?? []), target.Paused ? "true" : "",
            ];
            foreach (var field in fields.Concat(OptionColumns.Write(target, options)))
                csv.WriteField(field);
            csv.NextRecord();
        }
    }

    private static bool Next(CsvParser csv, int line, List<CsvError> errors)
    {
        try
        {
            return csv.Read();
        }
        catch (CsvHelperException)
        {
            // The parser can't go on behind a field that runs away, mostly for want of a closing quote.
            errors.Add(new(line, new("file", null, "a field is longer than 100,000 characters, and what follows can't be read", "look for a quote that is not closed"), IsEnd: true));
            return false;
        }
    }

    // A record's own line breaks, less the one that ends it.
    private static int NewLines(string raw) => raw.AsSpan().Trim("\r\n").Count('\n');

    // Whether its last field begins with a quote and has none at its end: what seems to be that field is the rest of the file. Within a field that begins with none, quotes are letters.
    private static bool IsOpen(string raw)
    {
        var (open, begins, closed) = (false, true, false);
        foreach (var c in raw)
        {
            if (c == '"' && (open || begins || closed))
                (open, begins, closed) = (!open, false, open);
            else if (!open)
                (begins, closed) = (c is ',' or '\n' || (begins && char.IsWhiteSpace(c)), false);
        }
        return open;
    }

    private static string[]? ReadHeader(string[] names, List<CsvError> errors)
    {
        var columns = names.Select(n => n.Trim('\uFEFF').Trim().ToLowerInvariant()).Select(n => n == "url_id" ? "key" : n).ToArray();
        foreach (var unknown in columns.Where(c => !Columns.Contains(c) && !OptionColumns.IsOne(c)))
            errors.Add(new(1, new("header", unknown, "is not a column", $"the columns are url_id or {string.Join(", ", Columns)}, and those of options: {string.Join(", ", OptionColumns.All.Select(o => o.Name))}"), IsEnd: true));
        foreach (var twice in columns.GroupBy(c => c).Where(g => g.Count() > 1))
            errors.Add(new(1, new("header", twice.Key, "stands there twice", "keep one"), IsEnd: true));
        if (!columns.Contains("url"))
            errors.Add(new(1, new("header", null, "has no column url", "name the columns in the first line, like url,interval,regex"), IsEnd: true));
        return errors.Count == 0 ? columns : null;
    }

    private static void ReadRecord(
        string[] record, int line, string[] columns, Dictionary<string, int> keys, List<TargetDefinition> targets, List<CsvError> errors)
    {
        if (record.Length != columns.Length)
        {
            errors.Add(new(line, new("line", null, $"has {record.Length} fields where the header has {columns.Length}", "quote a field that has a comma in it")));
            return;
        }
        string? Field(string name) => Array.IndexOf(columns, name) is var i and >= 0 && record[i].Length > 0 ? record[i] : null;
        var found = errors.Count;
        var definition = OptionColumns.Read(columns, record, (field, value, problem, fix) => errors.Add(new(line, new(field, value, problem, fix)))) with
        {
            Key = Field("key"),
            Url = Field("url"),
            Interval = Field("interval"),
            Cron = Field("cron"),
            TimeZone = Field("time_zone"),
            Regex = Field("regex"),
            Timeout = Field("timeout"),
            LatencyLimit = Field("latency_limit"),
            Tolerance = Field("tolerance"),
            Locations = Names(Field("locations")),
            Tags = Names(Field("tags")),
            Paused = Flag(Field("paused"), line, errors),
        };
        errors.AddRange(TargetValidator.Validate(definition).Errors.Select(e => new CsvError(line, e)));
        var key = definition.Key ?? definition.Url;
        // Of a line that is refused the key is free.
        if (key is not null && errors.Count == found && !keys.TryAdd(key, line))
            errors.Add(new(line, new(definition.Key is null ? "url" : "key", key, $"stands in line {keys[key]} already", "give each line a key of its own")));
        if (errors.Count == found)
            targets.Add(definition);
    }

    private static string[]? Names(string? field) => field?.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static bool Flag(string? field, int line, List<CsvError> errors)
    {
        if (field is null)
            return false;
        if (TryFlag(field) is { } flag)
            return flag;
        errors.Add(new(line, new("paused", field, "is neither yes nor no", "write true or false")));
        return false;
    }

    internal static bool? TryFlag(string field) => field.ToLowerInvariant() switch
    {
        "true" or "yes" or "1" => true,
        "false" or "no" or "0" => false,
        _ => null,
    };
}
