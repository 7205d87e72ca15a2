using System.Diagnostics;
using Dac.Collector.Probing;
using Dac.Contracts;

namespace Dac.Tests.Collector;

/// <summary>What a regex finds in a body, and what of that is stored.</summary>
public sealed class HttpMatchTests : HttpTests
{
    [Theory]
    [InlineData("v[0-9]", "v1 v2 v3")]
    [InlineData("<b>(.*?)</b>", "bold")]
    [InlineData("(v)([0-9])", "v 1 v 2 v 3")]
    [InlineData("(?<=v)[0-9]", "1 2 3")]
    public async Task The_matches_are_stored_joined_by_a_space(string regex, string match)
    {
        var (url, server) = await TestServer.HttpAsync(c => c.Response.WriteAsync("<p>v1 v2 <b>bold</b> v3"));
        await using var _ = server;
        var result = await ProbeAsync(url, regex: regex);
        Assert.Equal((Outcome.Up, match), (result.Outcome, result.Match));
    }

    [Fact]
    public async Task A_body_that_does_not_match_is_down()
    {
        var (url, server) = await TestServer.HttpAsync(c => c.Response.WriteAsync("maintenance"));
        await using var _ = server;
        Assert.Equal(Outcome.NoMatch, (await ProbeAsync(url, regex: "status: OK")).Outcome);
    }

    [Fact]
    public async Task A_bad_status_keeps_what_its_body_matched()
    {
        var (url, server) = await TestServer.HttpAsync(c => { c.Response.StatusCode = 503; return c.Response.WriteAsync("code 17"); });
        await using var _ = server;
        var result = await ProbeAsync(url, regex: "code [0-9]+");
        Assert.Equal((Outcome.BadStatus, "code 17"), (result.Outcome, result.Match));
    }

    [Fact]
    public async Task A_match_is_cut_to_its_limit_and_flagged()
    {
        var (url, server) = await TestServer.HttpAsync(c => c.Response.WriteAsync(new string('a', 10_000)));
        await using var _ = server;
        var result = await ProbeAsync(url, regex: "a+");
        Assert.Equal((4_096, ProbeRemarks.Truncated), (result.Match!.Length, result.Flags));
    }

    [Fact]
    public async Task What_a_database_cannot_store_is_replaced()
    {
        var (url, server) = await TestServer.HttpAsync(c => c.Response.WriteAsync("a\0b"));
        await using var _ = server;
        Assert.Equal("a\uFFFDb", (await ProbeAsync(url, regex: "a.b")).Match);
    }

    [Fact]
    public async Task A_regex_that_runs_away_is_stopped_and_blamed()
    {
        var (url, server) = await TestServer.HttpAsync(c => c.Response.WriteAsync(new string('a', 50) + "!"));
        await using var _ = server;
        var result = await ProbeAsync(url, regex: @"(?=a)^(a+)+\1$", timeoutMs: 20_000);
        Assert.Equal(Outcome.Unprobeable, result.Outcome);
        Assert.Contains("regex took longer", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_charset_is_honoured()
    {
        var (url, server) = await TestServer.HttpAsync(async c =>
        {
            c.Response.ContentType = "text/html; charset=windows-1252";
            await c.Response.Body.WriteAsync(new byte[] { 0x80 });
        });
        await using var _ = server;
        Assert.Equal("€", (await ProbeAsync(url, regex: "€")).Match);
    }

    [Fact]
    public async Task A_regex_with_many_slow_matches_is_stopped_as_a_whole()
    {
        var (url, server) = await TestServer.HttpAsync(c => c.Response.WriteAsync(string.Concat(Enumerable.Repeat(new string('a', 22) + "! ", 400))));
        await using var _ = server;
        var since = Stopwatch.GetTimestamp();
        var result = await ProbeAsync(url, regex: @"(?=a)(a+)+(?<!a)b|!", timeoutMs: 20_000);
        Assert.Equal(Outcome.Unprobeable, result.Outcome);
        Assert.InRange(Stopwatch.GetElapsedTime(since).TotalSeconds, 0, 10);
    }

    [Fact]
    public async Task A_pattern_matches_however_much_those_before_it_found()
    {
        await using var server = await StartAsync(c => c.Response.WriteAsync(new string('a', 10_000) + " welcome"));
        Assert.Equal(Outcome.Up, (await ProbeAsync(server.Url, new() { BodyMatches = ["welcome"] }, regex: "a+")).Outcome);
        Assert.Equal(Outcome.NoMatch, (await ProbeAsync(server.Url, new() { BodyMatches = ["goodbye"] }, regex: "a+")).Outcome);
    }

    [Fact]
    public async Task Groups_are_kept_as_far_as_a_match_is()
    {
        await using var server = await StartAsync(c => c.Response.WriteAsync(new string('a', 10_000)));
        var result = await ProbeAsync(server.Url, regex: "((a+))");
        Assert.Equal((Outcome.Up, Measurement.MaxMatch), (result.Outcome, result.Match!.Length));
        Assert.True(result.Flags.HasFlag(ProbeRemarks.Truncated));
    }

    [Fact]
    public async Task A_charset_that_is_no_longer_read_is_no_bug_of_the_collectors()
    {
        await using var server = await StartAsync(c => { c.Response.ContentType = "text/html; charset=utf-7"; return c.Response.WriteAsync("ok"); });
        Assert.Equal("ok", (await ProbeAsync(server.Url, regex: "ok")).Match);
    }
}
