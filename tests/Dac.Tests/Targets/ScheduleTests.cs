using Dac.Targets;
using FsCheck;
using FsCheck.Xunit;
using Quartz;

namespace Dac.Tests.Targets;

public sealed class ScheduleTests
{
    private static readonly TimeZoneInfo Berlin = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");

    [Property]
    public bool A_phase_lies_within_its_interval(PositiveInt id, PositiveInt interval)
    {
        var phase = Schedule.PhaseMs(id.Get, interval.Get);
        return phase >= 0 && phase < interval.Get;
    }

    [Property]
    public bool Slots_are_exactly_an_interval_apart(PositiveInt id, int seconds, int from)
    {
        var intervalMs = 1_000 + Math.Abs(seconds % 100_000) * 7;
        var phase = Schedule.PhaseMs(id.Get, intervalMs);
        var first = Schedule.FirstAtOrAfter(phase, intervalMs, 1_700_000_000_000L + from);
        return first >= 1_700_000_000_000L + from && first - intervalMs < 1_700_000_000_000L + from
            && Schedule.FirstAtOrAfter(phase, intervalMs, first + 1) == first + intervalMs;
    }

    [Property]
    public bool Windows_in_a_row_hold_each_slot_once(PositiveInt id, int more)
    {
        var intervalMs = 1_000 + Math.Abs(more % 5_000);
        const long Start = 1_700_000_000_000;
        var slots = Enumerable.Range(0, 60).Select(w => Schedule.DueInWindow(id.Get, intervalMs, Start + w * 1_000L)).OfType<long>().ToList();
        var phase = Schedule.PhaseMs(id.Get, intervalMs);
        var expected = new List<long>();
        for (var due = Schedule.FirstAtOrAfter(phase, intervalMs, Start); due < Start + 60_000; due += intervalMs)
            expected.Add(due);
        return slots.SequenceEqual(expected);
    }

    [Theory]
    [InlineData(1_000, 1_000)]
    [InlineData(1_000, 10_000)]
    [InlineData(5_000, 60_000)]
    public void Ids_in_sequence_spread_evenly_over_the_interval(int targets, int intervalMs)
    {
        var tens = new int[intervalMs / 10];
        for (var id = 1; id <= targets; id++)
            tens[Schedule.PhaseMs(id, intervalMs) / 10]++;
        var mean = (double)targets / tens.Length;
        Assert.True(tens.Max() <= Math.Ceiling(mean) + 1, $"The fullest 10 ms hold {tens.Max()}, the mean is {mean}");
    }

    [Fact]
    public void The_phase_is_the_one_that_was_planned_with_yesterday() =>
        Assert.Equal([618, 236, 854, 472, 90], Enumerable.Range(1, 5).Select(id => Schedule.PhaseMs(id, 1_000)));

    [Fact]
    public void A_cron_slot_lies_in_the_second_that_it_names_at_the_targets_phase()
    {
        var cron = Cron("0 30 8 * * ?", TimeZoneInfo.Utc);
        var slot = Time(Schedule.CronAtOrAfter(cron, 1, Ms("2026-03-01T00:00:00Z"))!.Value);
        Assert.Equal(DateTimeOffset.Parse("2026-03-01T08:30:00.618Z"), slot);
    }

    [Property]
    public bool A_cron_slot_is_found_from_any_moment_up_to_itself(PositiveInt id, int from)
    {
        var cron = Cron("*/7 * * * * ?", TimeZoneInfo.Utc);
        var fromMs = 1_700_000_000_000L + from;
        var slot = Schedule.CronAtOrAfter(cron, id.Get, fromMs)!.Value;
        return slot >= fromMs && Schedule.CronAtOrAfter(cron, id.Get, slot) == slot && Schedule.CronAtOrAfter(cron, id.Get, slot + 1) > slot;
    }

    [Fact]
    public void On_the_day_that_skips_an_hour_a_daily_slot_within_it_is_not_lost()
    {
        // 2026-03-29 02:00 becomes 03:00 in Berlin: there is no 02:30.
        var slots = Slots(Cron("0 30 2 * * ?", Berlin), "2026-03-28T00:00:00Z", "2026-03-31T00:00:00Z");
        Assert.Equal(3, slots.Count);
        Assert.Equal(DateTimeOffset.Parse("2026-03-28T01:30:00Z"), Whole(slots[0]));
        Assert.Equal(new DateOnly(2026, 3, 29), DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(slots[1], Berlin).Date));
        Assert.Equal(DateTimeOffset.Parse("2026-03-30T00:30:00Z"), Whole(slots[2]));
    }

    [Fact]
    public void On_the_day_that_repeats_an_hour_a_daily_slot_within_it_comes_once()
    {
        // 2026-10-25 03:00 becomes 02:00 in Berlin: 02:30 is there twice.
        var slots = Slots(Cron("0 30 2 * * ?", Berlin), "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z");
        Assert.Equal(2, slots.Count);
    }

    [Fact]
    public void An_hourly_slot_comes_every_hour_of_the_day_that_repeats_one()
    {
        var slots = Slots(Cron("0 15 * * * ?", Berlin), "2026-10-24T22:00:00Z", "2026-10-25T10:00:00Z");
        Assert.Equal(12, slots.Count);
        Assert.All(slots.Zip(slots.Skip(1)), pair => Assert.Equal(TimeSpan.FromHours(1), pair.Second - pair.First));
    }

    [Fact]
    public void A_time_that_the_clock_skips_comes_when_the_skip_ends()
    {
        // 02:15 is not there in Berlin on this day: it comes at 03:00, which is 01:00 UTC, and 03:15 comes as ever.
        var slots = Slots(Cron("0 15 * * * ?", Berlin), "2026-03-29T00:00:00Z", "2026-03-29T03:00:00Z");
        Assert.Equal(["00:15", "01:00", "01:15", "02:15"], slots.Select(s => s.ToString("HH:mm")));
    }

    [Fact]
    public void The_tolerance_of_a_cron_slot_is_half_the_time_to_the_next_and_5_s_at_most()
    {
        Assert.Equal(500, ToleranceOf("* * * * * ?"));
        Assert.Equal(1_000, ToleranceOf("*/2 * * * * ?"));
        Assert.Equal(5_000, ToleranceOf("0 0 8 * * ?"));
    }

    private static int ToleranceOf(string cron)
    {
        var expression = Cron(cron, TimeZoneInfo.Utc);
        return Schedule.ToleranceMs(expression, 1, Schedule.CronAtOrAfter(expression, 1, Ms("2026-01-01T00:00:00Z"))!.Value);
    }

    private static List<DateTimeOffset> Slots(CronExpression cron, string from, string to)
    {
        var slots = new List<DateTimeOffset>();
        for (var slot = Schedule.CronAtOrAfter(cron, 1, Ms(from)); slot < Ms(to); slot = Schedule.CronAtOrAfter(cron, 1, slot.Value + 1))
            slots.Add(Time(slot.Value));
        return slots;
    }

    private static CronExpression Cron(string text, TimeZoneInfo zone) => new(text, zone);

    private static long Ms(string time) => DateTimeOffset.Parse(time).ToUnixTimeMilliseconds();

    private static DateTimeOffset Time(long ms) => DateTimeOffset.FromUnixTimeMilliseconds(ms);

    private static DateTimeOffset Whole(DateTimeOffset time) => DateTimeOffset.FromUnixTimeSeconds(time.ToUnixTimeSeconds());
}
