using Dac.Collector;
using Dac.Collector.Probing;
using Dac.Contracts;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace Dac.Tests.Collector;

public sealed class ProbeLimitsTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly FakeTimeProvider _time = new();
    private readonly ProbeLimits _limits;

    public ProbeLimitsTests()
    {
        var options = Options.Create(new CollectorOptions { MaxPerHost = 1, MaxConcurrency = 2 });
        _limits = new ProbeLimits(options, new ConnectRate(options, _time), _time);
    }

    [Fact]
    public async Task A_place_that_is_given_back_goes_to_the_one_who_waits()
    {
        var first = await TakeAsync("http://a/");
        var second = TakeAsync("http://A:80/other");
        Assert.False(second.IsCompleted);
        first!.Dispose();
        Assert.NotNull(await second);
    }

    [Fact]
    public async Task Who_waits_in_vain_has_no_place_and_takes_none_from_others()
    {
        var first = await TakeAsync("http://a/");
        var second = TakeAsync("http://a/");
        _time.Advance(Patience);
        Assert.Null(await second);
        first!.Dispose();
        Assert.NotNull(await TakeAsync("http://a/"));
    }

    [Fact]
    public async Task Who_waits_longest_is_first_and_whose_patience_is_over_stands_in_nobodys_way()
    {
        var first = await TakeAsync("http://a/");
        var (second, impatient, third) = (TakeAsync("http://a/"), TakeAsync("http://a/", TimeSpan.FromSeconds(1)), TakeAsync("http://a/"));
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Null(await impatient);
        first!.Dispose();
        var place = await second;
        Assert.False(third.IsCompleted);
        place!.Dispose();
        Assert.NotNull(await third);
    }

    [Fact]
    public async Task Without_patience_nobody_waits()
    {
        Assert.NotNull(await TakeAsync("http://a/", TimeSpan.Zero));
        Assert.Null(await TakeAsync("http://a/", TimeSpan.Zero));
    }

    [Fact]
    public async Task Who_waits_for_a_place_of_all_gives_that_of_its_host_back_when_there_is_none()
    {
        var first = await TakeAsync("http://a/");
        Assert.NotNull(await TakeAsync("http://b/"));
        var third = TakeAsync("http://c/");
        Assert.False(third.IsCompleted);
        _time.Advance(Patience);
        Assert.Null(await third);
        first!.Dispose();
        Assert.NotNull(await TakeAsync("http://c/"));
    }

    [Theory]
    [InlineData("http://example.org/path?query=http://x/", "example.org:80")]
    [InlineData("https://example.org", "example.org:443")]
    [InlineData("wss://example.org?a", "example.org:443")]
    [InlineData("tcp://10.0.0.1:22", "10.0.0.1:22")]
    [InlineData("http://user@example.org:8080/", "example.org:8080")]
    [InlineData("http://[::1]:8080/", "::1:8080")]
    [InlineData("http://bücher.example/", "xn--bcher-kva.example:80")]
    [InlineData("icmp://example.org", "example.org:0")]
    public void Targets_share_a_limit_by_host_and_port(string url, string key) => Assert.Equal(key, ProbeLimits.Key(url));

    public void Dispose() => _limits.Dispose();

    private Task<ProbeLimits.Place?> TakeAsync(string url, TimeSpan? patience = null) =>
        _limits.AcquireAsync(new ProbeUrl { TargetId = 1, ScheduledAtMs = 0, Url = url, TimeoutMs = 1_000, ToleranceMs = 500 }, patience ?? Patience).AsTask();
}
