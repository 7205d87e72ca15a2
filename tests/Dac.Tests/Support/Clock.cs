using Microsoft.Extensions.Time.Testing;

namespace Dac.Tests.Support;

public static class Clock
{
    /// <summary>A faked clock that starts on a whole second.</summary>
    public static FakeTimeProvider At(string time = "2026-06-01T12:00:00Z") => new(DateTimeOffset.Parse(time));

    public static long Ms(this TimeProvider time) => time.GetUtcNow().ToUnixTimeMilliseconds();
}
