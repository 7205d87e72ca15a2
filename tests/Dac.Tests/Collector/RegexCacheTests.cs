using Dac.Collector.Probing;

namespace Dac.Tests.Collector;

/// <summary>Compiled patterns.</summary>
public sealed class RegexCacheTests
{
    [Fact]
    public void A_pattern_that_many_probes_ask_for_at_once_is_compiled_once()
    {
        var cache = new RegexCache();
        var regexes = new System.Text.RegularExpressions.Regex[64];
        Parallel.For(0, regexes.Length, new ParallelOptions { MaxDegreeOfParallelism = 16 }, i => regexes[i] = cache.Get("status: (\\w+)"));
        Assert.All(regexes, r => Assert.Same(regexes[0], r));
    }

    [Theory]
    [InlineData("^(a+)b\\s*", "aab\n", "aa")]
    [InlineData("\\A(a+)b\\s*", "aab\n", "aa")]
    [InlineData("^(a+)b|c", "c", "")]
    [InlineData("^(a+)b", "xaab", null)]
    public void A_pattern_with_an_anchor_in_front_keeps_its_groups(string pattern, string body, string? match)
    {
        var measurement = new Measurement(TimeProvider.System);
        Assert.Equal(match is not null, new RegexCache().Match(pattern, body, measurement));
        Assert.Equal(match, measurement.Match);
    }

    [Fact]
    public void A_pattern_that_can_not_be_read_is_told_each_time()
    {
        var cache = new RegexCache();
        Assert.ThrowsAny<ArgumentException>(() => cache.Get("("));
        Assert.ThrowsAny<ArgumentException>(() => cache.Get("("));
    }
}
