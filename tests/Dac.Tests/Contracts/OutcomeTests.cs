using Dac.Contracts;

namespace Dac.Tests.Contracts;

public sealed class OutcomeTests
{
    [Fact]
    public void Every_outcome_lies_in_the_range_of_its_class() =>
        Assert.All(Enum.GetValues<Outcome>(), o => Assert.Equal((short)o switch { >= 10 and < 50 => OutcomeClass.Executed, >= 50 and < 60 => OutcomeClass.ObserverFault, >= 60 and < 70 => OutcomeClass.Missed, _ => throw new InvalidOperationException($"{o} has no range") }, o.Class()));

    [Theory]
    [InlineData(Outcome.Up, TargetHealth.Up)]
    [InlineData(Outcome.Degraded, TargetHealth.Degraded)]
    [InlineData(Outcome.Timeout, TargetHealth.Down)]
    [InlineData(Outcome.NoMatch, TargetHealth.Down)]
    public void An_executed_outcome_says_how_its_target_is(Outcome outcome, TargetHealth health) => Assert.Equal(health, outcome.Health());

    [Fact]
    public void A_higher_class_says_more_of_a_slot() =>
        Assert.True(OutcomeClass.Executed > OutcomeClass.ObserverFault && OutcomeClass.ObserverFault > OutcomeClass.Missed);
}
