using Dac.Collector;
using Microsoft.Extensions.Time.Testing;

namespace Dac.Tests.Collector;

public sealed class PauseWatchTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Beats_that_come_in_time_are_no_pause()
    {
        using var pauses = new PauseWatch(_time);
        var since = pauses.Now;
        Beat(pauses, 250);
        Assert.Equal(TimeSpan.Zero, pauses.LongestSince(since));
    }

    [Fact]
    public void A_pause_is_seen_by_what_it_has_overlapped_and_by_nothing_else()
    {
        using var pauses = new PauseWatch(_time);
        var before = pauses.Now;
        Beat(pauses, 3_000);
        var after = pauses.Now;
        Beat(pauses, 50);
        Assert.Equal(3_000, pauses.LongestSince(before).TotalMilliseconds);
        Assert.Equal(TimeSpan.Zero, pauses.LongestSince(after));
    }

    [Fact]
    public void The_longest_of_several_pauses_counts()
    {
        using var pauses = new PauseWatch(_time);
        var before = pauses.Now;
        Beat(pauses, 400);
        Beat(pauses, 900);
        Beat(pauses, 300);
        Assert.Equal(900, pauses.LongestSince(before).TotalMilliseconds);
    }

    [Fact]
    public async Task A_pause_is_seen_before_the_next_beat()
    {
        using var pauses = new PauseWatch(_time);
        await pauses.StartAsync(TestContext.Current.CancellationToken);
        var before = pauses.Now;
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(2_000, pauses.LongestSince(before).TotalMilliseconds);
    }

    private void Beat(PauseWatch pauses, int ms)
    {
        _time.Advance(TimeSpan.FromMilliseconds(ms));
        pauses.Beat();
    }
}
