using Dac.Collector;
using Dac.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace Dac.Tests.Collector;

/// <summary>How what is overdue is spread. That each slot starts at its millisecond, and that what is held up starts after all, is in <see cref="CollectorTests"/>.</summary>
public sealed class DueThreadTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly DueThread _due;

    public DueThreadTests() => _due = new DueThread(_time);

    [Fact]
    public void Slots_on_time_are_never_held_up()
    {
        for (var i = 0; i < 1_000; i++)
        {
            Assert.Equal(3, Starts(Overdue(0, 0, 0)));
            _time.Advance(TimeSpan.FromMilliseconds(1));
        }
    }

    [Theory]
    [InlineData(30, new[] { 17, 13 })]
    [InlineData(80, new[] { 40, 26, 14 })]
    [InlineData(1_000, new[] { 950, 31, 19 })]
    public void After_a_stop_each_frame_starts_its_part_of_the_plan_or_half_of_what_is_overdue(int stopMs, int[] each)
    {
        List<long> waiting = [.. Overdue([.. Enumerable.Range(0, stopMs).Reverse()])];
        List<int> started = [];
        while (waiting.Count > 0)
        {
            var now = Starts(waiting);
            started.Add(now);
            waiting.RemoveRange(0, now);
            _time.Advance(DueThread.Frame);
        }
        Assert.Equal(each, started);
    }

    [Fact]
    public void A_stop_as_short_as_a_frames_part_is_made_up_for_at_once()
    {
        Assert.Equal(17, Starts(Overdue([.. Enumerable.Range(0, 17).Reverse()])));
    }

    [Fact]
    public void Where_one_millisecond_has_many_slots_they_start_together()
    {
        Assert.Equal(500, Starts(Overdue(Enumerable.Repeat(1, 500).ToArray())));
    }

    [Fact]
    public void What_was_due_before_the_frames_first_is_not_held_up()
    {
        Assert.Equal(4, Starts(Overdue(5, 90, 20, 99)));
    }

    [Fact]
    public void A_slot_that_comes_long_after_its_time_holds_up_none_that_is_on_time()
    {
        Assert.Equal(6, Starts(Overdue(400, 0, 6_000, 0, 101, 0)));
    }

    [Fact]
    public async Task Once_it_is_stopped_it_holds_up_nothing()
    {
        Assert.Equal(1, Starts(Overdue(60, 0)));
        await _due.StopAsync(TestContext.Current.CancellationToken);
        _due.Dispose();
        Assert.Equal(2, Starts(Overdue(60, 0)));
    }

    [Fact]
    public void A_clock_that_is_set_back_begins_a_frame()
    {
        var time = new Clock();
        using var due = new DueThread(time);
        Assert.True(due.MayStart(Slot(time.Ms())));
        time.Now -= TimeSpan.FromHours(1);
        Assert.Equal([true, false], new[] { 60, 0 }.Select(late => due.MayStart(Slot(time.Ms() - late))));
        time.Now += DueThread.Frame;
        Assert.True(due.MayStart(Slot(time.Ms())));
    }

    public void Dispose() => _due.Dispose();

    private long[] Overdue(params int[] ms) => [.. ms.Select(m => _time.Ms() - m)];

    private int Starts(IEnumerable<long> due) => due.Count(ms => _due.MayStart(Slot(ms)));

    private static Slot Slot(long due) => new(1, due, [], 0, null!, null!);

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = DateTimeOffset.UnixEpoch.AddYears(56);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
