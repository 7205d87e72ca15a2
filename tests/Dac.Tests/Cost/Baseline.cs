using System.Text.Json;

namespace Dac.Tests.Cost;

/// <summary>What things cost when it was last looked at: <c>baseline.json</c>.</summary>
internal static class Baseline
{
    /// <summary>What a runtime's patch may move without anybody having changed anything.</summary>
    private const double Band = 0.1;

    private static readonly Dictionary<string, double> Known =
        JsonSerializer.Deserialize<Dictionary<string, double>>(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Cost", "baseline.json")))!;

    /// <summary>Fails where it has become dearer, and where it has become cheaper, so that it stays so.</summary>
    public static void Holds(string what, double measured) => Holds(what, measured, Math.Abs(measured - Of(what)) <= Of(what) * Band);

    /// <summary>Fails where it has become dearer; for what depends on how busy the machine is.</summary>
    public static void HoldsAtMost(string what, double measured) => Holds(what, measured, measured <= Of(what) * (1 + Band));

    private static double Of(string what) => Known.GetValueOrDefault(what, double.NaN);

    private static void Holds(string what, double measured, bool holds) => Assert.True(
        holds,
        $"""{what}: {measured:0.####}, in tests/Dac.Tests/Cost/baseline.json it is {Of(what):0.####}. If that is meant, write "{what}": {measured:0.####} there, and why into the commit.""");
}
