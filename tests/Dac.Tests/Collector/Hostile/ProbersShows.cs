using System.Globalization;
using System.Text;

namespace Dac.Tests.Collector.Hostile;

/// <summary>
/// Figures, not verdicts: 500 probes at once of each behaviour, by each prober other than HTTP. Run on a quiet machine with
/// <c>dotnet tests/Dac.Tests/bin/Release/net10.0/Dac.Tests.dll -explicit only -class Dac.Tests.Collector.Hostile.ProbersShows</c>; written to <c>shows/</c> beside the tests.
/// </summary>
public sealed class ProbersShows
{
    [Fact(Explicit = true)]
    public async Task Five_hundred_of_each_behaviour_at_once()
    {
        const int AtOnce = 500, TimeoutMs = 5_000;
        var table = new StringBuilder("| behaviour | prober | expected | seen | p50 ms | longest ms | peak memory, MB over idle |\n| --- | --- | --- | --- | --- | --- | --- |\n");
        using var tests = new ProbersHostileTests();
        foreach (var cell in ProbersHostileTests.Cells())
        {
            var (behaviour, prober, outcome) = cell.Data;
            var idle = await HttpShows.IdleMemoryAsync();
            var results = await tests.ProbeAsync(behaviour, prober, AtOnce, TimeoutMs);
            var times = results.Select(r => r.TotalUs!.Value / 1_000.0).Order().ToArray();
            var seen = string.Join(", ", results.GroupBy(r => r.Outcome).OrderByDescending(g => g.Count()).Select(g => $"{g.Key} {g.Count()}"));
            table.AppendLine(CultureInfo.InvariantCulture, $"| {behaviour} | {prober} | {outcome} | {seen} | {times[AtOnce / 2]:F0} | {times[^1]:F0} | {HttpShows.PeakMemory() - idle} |");
        }
        await HttpShows.WriteAsync("probers.md", table);
    }
}
