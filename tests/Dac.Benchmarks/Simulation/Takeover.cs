namespace Dac.Benchmarks.Simulation;

/// <summary>
/// What is left of the lead when a scheduler is killed between writing a second and publishing it. Arithmetic over the moments at which two schedulers tick: a
/// second becomes due for planning when the database's clock enters another one; whoever ticks first writes it, with a lease of 1 s; the other publishes it with its
/// first tick after that.
/// </summary>
internal sealed record Takeover(int LeastMs, double MeanMs)
{
    private const int LeaseMs = 1_000;
    private const int TickMs = 1_000;
    private const int StepMs = 10;

    public static Takeover Of(int leadMs)
    {
        var left = new List<int>();
        for (var a = 0; a < TickMs; a += StepMs)
        {
            for (var b = 0; b < TickMs; b += StepMs)
                left.Add(leadMs - PublishedMs(Math.Min(a, b), Math.Max(a, b)));
        }
        return new Takeover(left.Min(), left.Average());
    }

    // After the moment at which the window, which then starts a lead later, became due for planning.
    private static int PublishedMs(int first, int second)
    {
        var published = second;
        while (published <= first + LeaseMs)
            published += TickMs;
        return published;
    }
}
