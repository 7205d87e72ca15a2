using System.Diagnostics;

namespace Dac.Tests.Support;

/// <summary>Polls for what is to become true, with a deadline instead of a sleep.</summary>
public static class Until
{
    public static async Task<T> NotNullAsync<T>(Func<Task<T?>> look, string what, int seconds = 20)
    {
        var since = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(since).TotalSeconds < seconds)
        {
            if (await look() is { } found)
                return found;
            await Task.Delay(25, TestContext.Current.CancellationToken);
        }
        throw new TimeoutException($"Not seen within {seconds} s: {what}");
    }

    public static Task TrueAsync(Func<bool> look, string what, int seconds = 20) => TrueAsync(() => Task.FromResult(look()), what, seconds);

    public static Task TrueAsync(Func<Task<bool>> look, string what, int seconds = 20) =>
        NotNullAsync<object>(async () => await look() ? new object() : null, what, seconds);
}
