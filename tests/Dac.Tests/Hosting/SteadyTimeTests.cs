using Dac.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace Dac.Tests.Hosting;

public sealed class SteadyTimeTests
{
    [Fact]
    public void It_goes_on_when_the_clock_steps_back()
    {
        var host = new SteppingTime();
        var steady = new SteadyTime(host);
        var start = steady.GetUtcNow();

        host.Advance(TimeSpan.FromSeconds(2));
        host.Step = TimeSpan.FromSeconds(-40);

        Assert.Equal(start.AddSeconds(2), steady.GetUtcNow());
        Assert.Equal(TimeSpan.FromSeconds(-38), host.GetUtcNow() - start);
    }

    private sealed class SteppingTime : FakeTimeProvider
    {
        public TimeSpan Step { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Step;

        public override long GetTimestamp() => base.GetUtcNow().Ticks;
    }
}
