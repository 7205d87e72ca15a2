using Dac.Collector;
using Dac.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace Dac.Tests.Collector;

public sealed class PauseWatchTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Beats_that_come_in_time_are_no_pause()
    {
        using var pauses = new PauseWatch(_time);
        using var since = pauses.Begin();
        Beat(pauses, 250);
        Assert.Equal(TimeSpan.Zero, since.LongestPause);
    }

    [Fact]
    public void A_pause_is_seen_by_what_it_has_overlapped_and_by_nothing_else()
    {
        using var pauses = new PauseWatch(_time);
        using var before = pauses.Begin();
        Beat(pauses, 3_000);
        using var after = pauses.Begin();
        Beat(pauses, 50);
        Assert.Equal(3_000, before.LongestPause.TotalMilliseconds);
        Assert.Equal(TimeSpan.Zero, after.LongestPause);
    }

    [Fact]
    public void The_longest_of_several_pauses_counts()
    {
        using var pauses = new PauseWatch(_time);
        using var before = pauses.Begin();
        Beat(pauses, 400);
        Beat(pauses, 900);
        Beat(pauses, 300);
        Assert.Equal(900, before.LongestPause.TotalMilliseconds);
    }

    [Fact]
    public async Task A_pause_is_seen_before_the_next_beat()
    {
        using var pauses = new PauseWatch(_time);
        await pauses.StartAsync(TestContext.Current.CancellationToken);
        using var before = pauses.Begin();
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(2_000, before.LongestPause.TotalMilliseconds);
    }

    [Fact]
    public async Task While_no_probe_is_under_way_it_rests_and_the_rest_is_no_pause_of_the_next_one()
    {
        using var pauses = new PauseWatch(_time);
        await pauses.StartAsync(TestContext.Current.CancellationToken);
        using (pauses.Begin())
            Assert.False(pauses.Rests);
        await Until.TrueAsync(() => Task.FromResult(pauses.Rests), "rest");
        _time.Advance(TimeSpan.FromHours(1));

        using var probe = pauses.Begin();

        Assert.False(pauses.Rests);
        Assert.Equal(TimeSpan.Zero, probe.LongestPause);
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(2_000, probe.LongestPause.TotalMilliseconds);
    }

    private void Beat(PauseWatch pauses, int ms)
    {
        _time.Advance(TimeSpan.FromMilliseconds(ms));
        pauses.Beat();
    }
}
