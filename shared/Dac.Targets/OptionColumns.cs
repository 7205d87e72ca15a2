using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace Dac.Targets;

/// <summary>
/// The columns of nested options, <c>http.status</c> and the like: one for each field of each options record that a <see cref="TargetDefinition"/> has, so
/// that a new field or record has its columns by being there. Lists have one entry per line within the cell, headers are <c>Name: value</c> lines.
/// </summary>
public static class OptionColumns
{
    private static readonly Dictionary<string, Column> ByName;

    static OptionColumns()
    {
        All = [.. from options in TargetJson.Default.TargetDefinition.Properties
                  where options.PropertyType.Name.EndsWith("Options", StringComparison.Ordinal)
                  from field in TargetJson.Default.GetTypeInfo(options.PropertyType)!.Properties
                  select new Column($"{options.Name}.{field.Name}", options.Name, field)];
        ByName = All.ToDictionary(c => c.Name, StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>One column.</summary>
    /// <param name="Name">Its name, like <c>http.status</c>; read in any case.</param>
    /// <param name="Options">The options' name in JSON.</param>
    /// <param name="Field">The field.</param>
    public sealed record Column(string Name, string Options, JsonPropertyInfo Field);

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Column> All { get; }

    internal static bool IsOne(string name) => ByName.ContainsKey(name);

    /// <summary>A definition that has nothing but the options of a record.</summary>
    /// <param name="columns">Names; what is none of <see cref="All"/> is passed over.</param>
    /// <param name="record">A text for each; an empty one is none.</param>
    /// <param name="error">Told field, value, problem and fix of what can't be read.</param>
    public static TargetDefinition Read(string[] columns, string[] record, Action<string, string?, string, string> error)
    {
        JsonObject? definition = null;
        for (var i = 0; i < columns.Length; i++)
        {
            if (record[i].Length == 0 || !ByName.TryGetValue(columns[i], out var column))
                continue;
            var (value, problem) = Value(column.Field.PropertyType, record[i]);
            if (problem is { } wrong)
            {
                error(column.Name, record[i], wrong.Problem, wrong.Fix);
                continue;
            }
            definition ??= [];
            if (definition[column.Options] is not JsonObject options)
                definition[column.Options] = options = [];
            options[column.Field.Name] = value;
        }
        return definition?.Deserialize(TargetJson.Default.TargetDefinition) ?? new TargetDefinition();
    }

    /// <summary>The columns that one of these definitions has something for.</summary>
    internal static IReadOnlyList<Column> InUse(IEnumerable<TargetDefinition> targets)
    {
        var used = targets.Select(Json).OfType<JsonObject>()
            .SelectMany(t => t.Where(o => o.Value is JsonObject), (_, o) => (o.Key, Options: o.Value!.AsObject()))
            .SelectMany(o => o.Options, (o, f) => $"{o.Key}.{f.Key}").ToHashSet();
        return [.. All.Where(c => used.Contains(c.Name))];
    }

    /// <summary>The cells of a definition.</summary>
    internal static IEnumerable<string> Write(TargetDefinition target, IReadOnlyList<Column> columns)
    {
        var json = columns.Count > 0 ? Json(target) : null;
        return columns.Select(c => json?[c.Options]?[c.Field.Name] switch
        {
            null => "",
            JsonArray list => string.Join('\n', list.Select(v => v?.ToString())),
            JsonObject headers => string.Join('\n', headers.Select(h => $"{h.Key}: {h.Value}")),
            JsonValue value when value.GetValueKind() is JsonValueKind.True or JsonValueKind.False => value.GetValue<bool>() ? "true" : "false",
            var value => value.ToString(),
        });
    }

    private static JsonObject? Json(TargetDefinition target) => JsonSerializer.SerializeToNode(target, TargetJson.Default.TargetDefinition)?.AsObject();

    private static (JsonNode? Value, (string Problem, string Fix)? Problem) Value(Type type, string text)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string))
            return (text, null);
        if (type == typeof(bool))
            return TargetCsv.TryFlag(text) is { } flag ? (flag, null) : (null, ("is neither yes nor no", "write true or false"));
        if (type == typeof(int))
        {
            return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
                ? (number, null) : (null, ("is not a whole number", "write one like 10"));
        }
        var lines = text.ReplaceLineEndings("\n").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (type == typeof(IReadOnlyList<string>))
            return (new JsonArray([.. lines.Select(l => (JsonNode?)l)]), null);
        var headers = new JsonObject();
        foreach (var line in lines)
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0 || !headers.TryAdd(line[..colon].Trim(), line[(colon + 1)..].Trim()))
                return (null, ("has a line that is no header, or one that stands there twice", "write one Name: value per line"));
        }
        return (headers, null);
    }
}
