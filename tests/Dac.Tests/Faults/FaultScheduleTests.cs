using Dac.Faults.Injection;

namespace Dac.Tests.Faults;

/// <summary>The fault suite's schedule.</summary>
public sealed class FaultScheduleTests
{
    private static readonly TimeSpan Span = TimeSpan.FromMinutes(30);
    private static readonly ClusterSize Size = new(2, 3, 2);
    private static readonly FaultKind[] All = Enum.GetValues<FaultKind>();

    [Fact]
    public void The_same_seed_makes_the_same_schedule_and_another_another()
    {
        Assert.Equal(FaultSchedule.Make(7, Span, Size, All), FaultSchedule.Make(7, Span, Size, All));
        Assert.NotEqual(FaultSchedule.Make(7, Span, Size, All), FaultSchedule.Make(8, Span, Size, All));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Half_an_hour_has_every_kind_several_times_and_ends_healed(int seed)
    {
        var schedule = FaultSchedule.Make(seed, Span, Size, All);
        Assert.All(All, kind => Assert.True(schedule.Count(f => f.Kind == kind) >= 3, $"{kind}: {schedule.Count(f => f.Kind == kind)}"));
        Assert.All(schedule, f => Assert.True(f.At + f.Lasts <= Span));
        Assert.Contains(schedule.Zip(schedule.Skip(1)), pair => pair.Second.At < pair.First.At + pair.First.Lasts);
    }

    [Fact]
    public void Only_the_kinds_that_were_asked_for_come() =>
        Assert.All(FaultSchedule.Make(1, Span, Size, [FaultKind.KillWriter, FaultKind.CutConnections]), f => Assert.True(f.Kind is FaultKind.KillWriter or FaultKind.CutConnections));

    [Fact]
    public void Broker_and_database_have_one_fault_at_a_time()
    {
        foreach (var server in new[] { "Broker", "Database" })
        {
            var faults = FaultSchedule.Make(4, Span, Size, All).Where(f => f.Kind.ToString().StartsWith(server, StringComparison.Ordinal)).ToList();
            Assert.All(faults.Zip(faults.Skip(1)), pair => Assert.True(pair.Second.At > pair.First.At + pair.First.Lasts));
        }
    }

    [Fact]
    public void Kinds_are_named_as_users_write_them() => Assert.Equal("broker-black-hole", FaultSchedule.Name(FaultKind.BrokerBlackHole));
}
