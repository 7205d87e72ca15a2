using System.Diagnostics;

namespace Dac.SystemTests.Fixtures;

/// <summary>Waits for what is to become true, and fails with its name when it does not.</summary>
public static class Poll
{
    /// <summary>Asks every 20 ms, for 30 s unless told otherwise.</summary>
    public static async Task UntilAsync(string what, Func<Task<bool>> condition, TimeSpan? deadline = null)
    {
        var limit = deadline ?? TimeSpan.FromSeconds(30);
        var clock = Stopwatch.StartNew();
        while (!await condition())
        {
            if (clock.Elapsed > limit)
                Assert.Fail($"Not within {limit.TotalSeconds:0.#} s: {what}.");
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }
}
