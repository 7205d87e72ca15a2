using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Dac.Tests.Shape;

/// <summary>What is logged, as the sources have it; infra/seq by form only: there is no Seq to ask.</summary>
public sealed partial class LogTests
{
    [Fact]
    public void Signals_and_queries_have_what_seq_asks_for_and_filter_by_properties_that_are_logged()
    {
        var logged = LogStatements().SelectMany(s => Hole().Matches(s)).Select(m => m.Groups[1].Value).Concat(["Service", "Location", "Suppressed"]).ToHashSet();
        var (signals, queries) = (Entities("signals.json"), Entities("queries.json"));
        Assert.True(signals.Count >= 5 && queries.Count >= 5);
        Assert.All(signals.Concat(queries), e => Assert.True(e["Title"]!.GetValue<string>().Length > 0 && e["Description"]!.GetValue<string>().Length > 0 && e["OwnerId"] is null));
        var expressions = signals.SelectMany(s => s["Filters"]!.AsArray()).Select(f => f!["Filter"]!.GetValue<string>()).Concat(queries.Select(q => q["Sql"]!.GetValue<string>())).ToList();
        Assert.All(queries, q => Assert.Matches("^select .* from stream .*limit [0-9]+$", q["Sql"]!.GetValue<string>()));
        foreach (var expression in expressions)
        {
            Assert.Equal(expression.Count(c => c == '('), expression.Count(c => c == ')'));
            Assert.All(Property().Matches(Text().Replace(expression, "")), m => Assert.True(logged.Contains(m.Value), $"nothing logs {m.Value}: {expression}"));
        }
    }

    [Fact]
    public void What_users_filter_by_is_logged()
    {
        var statements = string.Concat(LogStatements());
        Assert.All(["TargetId", "Location", "Partition", "Slot", "Outcome"], p => Assert.Matches($@"\{{{p}[:}}]", statements));
    }

    [Fact]
    public void Nothing_is_logged_per_probe_above_debug()
    {
        // What runs once for each slot. A bug is an error, and bounded as every message is.
        string[] bugs = ["A prober threw", "The command of target", "Topology:Partitions"];
        string[] files = ["ProbeRunner.cs", "Slots.cs", "DueThread.cs", "ProbeLimits.cs"];
        var statements = LogStatements(f => files.Contains(Path.GetFileName(f))).ToList();
        Assert.NotEmpty(statements);
        Assert.All(statements, s => Assert.True(s.Contains("LogLevel.Debug", StringComparison.Ordinal) || bugs.Any(b => s.Contains(b, StringComparison.Ordinal)), s));
    }

    private static List<JsonNode> Entities(string file) => [.. JsonNode.Parse(File.ReadAllText(Path.Combine(ShapeTests.Root, "infra/seq", file)))!.AsArray().Select(n => n!)];

    private static IEnumerable<string> LogStatements(Func<string, bool>? which = null) =>
        new[] { "services", "shared" }.SelectMany(folder => Directory.GetFiles(Path.Combine(ShapeTests.Root, folder), "*.cs", SearchOption.AllDirectories))
            .Where(f => !f.Contains("/obj/", StringComparison.Ordinal) && (which is null || which(f)))
            .SelectMany(f => Statement().Matches(File.ReadAllText(f))).Select(m => m.Value);

    [GeneratedRegex(@"\[LoggerMessage\(.*\)\]")]
    private static partial Regex Statement();

    [GeneratedRegex(@"\{(\w+)")]
    private static partial Regex Hole();

    [GeneratedRegex("'[^']*'")]
    private static partial Regex Text();

    // Not @built-in, not a function.
    [GeneratedRegex(@"(?<![@\w])[A-Z]\w+(?![\w(])")]
    private static partial Regex Property();
}
