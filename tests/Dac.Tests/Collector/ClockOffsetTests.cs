using Dac.Collector;
using Microsoft.Extensions.Time.Testing;

namespace Dac.Tests.Collector;

public sealed class ClockOffsetTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Nothing_is_known_before_the_first_batch()
    {
        var clock = new ClockOffset(_time);
        Assert.Null(clock.Ms);
        Assert.False(clock.IsOff);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(100, false)]
    [InlineData(101, true)]
    [InlineData(-101, true)]
    public void From_100_ms_on_a_clock_is_off(int ms, bool off)
    {
        var clock = new ClockOffset(_time);
        clock.Observe(Now - ms);
        _time.Advance(TimeSpan.FromSeconds(5));
        clock.Observe(Now - ms);
        Assert.Equal((ms, off), (clock.Ms, clock.IsOff));
    }

    [Fact]
    public void A_batch_that_waited_while_the_collector_started_says_nothing_of_its_clock_but_one_from_the_future_does()
    {
        var clock = new ClockOffset(_time);
        clock.Observe(Now - 800);
        Assert.False(clock.IsOff);
        clock.Observe(Now + 800);
        Assert.True(clock.IsOff);
    }

    [Fact]
    public void A_batch_that_was_held_up_does_not_count_as_the_clock_s_fault()
    {
        var clock = new ClockOffset(_time);
        clock.Observe(Now - 3);
        clock.Observe(Now - 30_000);
        Assert.Equal(3, clock.Ms);
    }

    [Fact]
    public void A_clock_that_is_set_right_is_known_to_be_within_a_minute()
    {
        var clock = new ClockOffset(_time);
        clock.Observe(Now + 5_000);
        for (var s = 0; s < 70; s++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            clock.Observe(Now - 2);
        }
        Assert.Equal(2, clock.Ms);
    }

    private long Now => _time.GetUtcNow().ToUnixTimeMilliseconds();
}
