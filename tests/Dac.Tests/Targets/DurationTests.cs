using Dac.Targets;
using FsCheck;
using FsCheck.Xunit;

namespace Dac.Tests.Targets;

public sealed class DurationTests
{
    [Theory]
    [InlineData("30", 30_000)]
    [InlineData("30s", 30_000)]
    [InlineData("1.5", 1_500)]
    [InlineData("1500ms", 1_500)]
    [InlineData(" 5m ", 300_000)]
    [InlineData("2h", 7_200_000)]
    [InlineData("1d", 86_400_000)]
    [InlineData("0", 0)]
    public void A_duration_is_a_number_with_a_unit_or_of_seconds(string text, long ms)
    {
        Assert.True(Duration.TryParse(text, out var duration));
        Assert.Equal(ms, duration.TotalMilliseconds);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("-1s")]
    [InlineData("1,5")]
    [InlineData("1.5ms")]
    [InlineData("1e3")]
    [InlineData("1 000")]
    [InlineData("ten seconds")]
    [InlineData("5M")]
    [InlineData("99999999999999999999d")]
    [InlineData("79228162514264337593543950335")]
    public void Anything_else_is_none(string? text) => Assert.False(Duration.TryParse(text, out _));

    [Property]
    public bool What_is_formatted_reads_back_the_same(NonNegativeInt ms) =>
        Duration.TryParse(Duration.Format(TimeSpan.FromMilliseconds(ms.Get)), out var duration) && duration.TotalMilliseconds == ms.Get;

    [Property]
    public void No_text_makes_it_throw(string? text) => Duration.TryParse(text, out _);
}
