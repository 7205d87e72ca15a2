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
    [InlineData(1_000, new[] { 500, 256, 134, 73, 37 })]
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
        Assert.Equal(4, Starts(Overdue(5, 90, 20, 5_000)));
    }

    [Fact]
    public void A_clock_that_is_set_back_holds_up_nothing()
    {
        var time = new ClockSetBack();
        using var due = new DueThread(time);
        Assert.True(due.MayStart(Slot(time.Ms())));
        time.Back = TimeSpan.FromHours(1);
        for (var i = 0; i < 100; i++)
            Assert.True(due.MayStart(Slot(time.Ms() - 90 + i)));
    }

    public void Dispose() => _due.Dispose();

    private long[] Overdue(params int[] ms) => [.. ms.Select(m => _time.Ms() - m)];

    private int Starts(IEnumerable<long> due) => due.Count(ms => _due.MayStart(Slot(ms)));

    private static Slot Slot(long due) => new(1, due, [], 0, null!, null!);

    private sealed class ClockSetBack : TimeProvider
    {
        private readonly DateTimeOffset _now = DateTimeOffset.UnixEpoch.AddYears(56);

        public TimeSpan Back { get; set; }

        public override DateTimeOffset GetUtcNow() => _now - Back;
    }
}
