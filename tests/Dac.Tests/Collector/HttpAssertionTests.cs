using System.IO.Compression;
using System.Text;
using Dac.Contracts;

namespace Dac.Tests.Collector;

/// <summary>What a target of HTTP can ask of the answer: status, headers, body, time.</summary>
public sealed class HttpAssertionTests : HttpTests
{
    [Theory]
    [InlineData("2xx,404", 404, Outcome.Up)]
    [InlineData("200-299", 404, Outcome.BadStatus)]
    [InlineData("404", 200, Outcome.BadStatus)]
    [InlineData("500-504, 418", 418, Outcome.Up)]
    public async Task The_status_list_says_what_is_accepted(string list, int status, Outcome outcome)
    {
        await using var server = await StartAsync(c => { c.Response.StatusCode = status; return Task.CompletedTask; });
        Assert.Equal(outcome, (await ProbeAsync(server.Url, new() { Status = list })).Outcome);
    }

    [Fact]
    public async Task All_patterns_must_match_and_none_of_the_others()
    {
        await using var server = await StartAsync(c => c.Response.WriteAsync("version 7, all well"));
        Assert.Equal("7 well", (await ProbeAsync(server.Url, new() { BodyMatches = ["version ([0-9])", "well"] })).Match);
        Assert.Equal(Outcome.NoMatch, (await ProbeAsync(server.Url, new() { BodyMatches = ["version", "ill"] })).Outcome);
        Assert.Equal(Outcome.UnwantedMatch, (await ProbeAsync(server.Url, new() { BodyForbids = ["error", "version"] })).Outcome);
        Assert.Equal(Outcome.Up, (await ProbeAsync(server.Url, new() { BodyForbids = ["error"] })).Outcome);
    }

    [Theory]
    [InlineData("X-Cache: ^HIT$", null, Outcome.Up)]
    [InlineData("x-cache: MISS", null, Outcome.HeaderMismatch)]
    [InlineData("X-None: .", null, Outcome.HeaderMismatch)]
    [InlineData("Content-Encoding: gzip", null, Outcome.Up)]
    [InlineData(null, "X-Cache: HIT", Outcome.HeaderMismatch)]
    [InlineData(null, "X-None: .", Outcome.Up)]
    public async Task Headers_are_asserted(string? matches, string? forbids, Outcome outcome)
    {
        await using var server = await StartAsync(async c =>
        {
            c.Response.Headers["X-Cache"] = "HIT";
            c.Response.Headers.ContentEncoding = "gzip";
            await using var gzip = new GZipStream(c.Response.Body, CompressionLevel.Fastest);
            await gzip.WriteAsync("ok"u8.ToArray());
        });
        Assert.Equal(outcome, (await ProbeAsync(server.Url, new() { HeaderMatches = matches is null ? null : [matches], HeaderForbids = forbids is null ? null : [forbids] })).Outcome);
    }

    [Theory]
    [InlineData("status", "up", Outcome.Up)]
    [InlineData("status", "\"up\"", Outcome.Up)]
    [InlineData("status", "down", Outcome.AssertionFailed)]
    [InlineData("checks[?name=='db'].ms | [0]", "12", Outcome.Up)]
    [InlineData("checks[?name=='db'].ms | [0]", "12.0", Outcome.Up)]
    [InlineData("length(checks) > `1`", null, Outcome.Up)]
    [InlineData("length(checks) > `2`", null, Outcome.AssertionFailed)]
    [InlineData("missing", null, Outcome.AssertionFailed)]
    [InlineData("missing", "null", Outcome.Up)]
    [InlineData("tags", "[\"a\", \"b\"]", Outcome.Up)]
    [InlineData("sum(status)", null, Outcome.AssertionFailed)]
    public async Task The_body_is_asserted_as_JSON(string json, string? value, Outcome outcome)
    {
        await using var server = await StartAsync(c => c.Response.WriteAsync("""{"status":"up","tags":["a","b"],"checks":[{"name":"db","ms":12},{"name":"mq","ms":3}]}"""));
        var result = await ProbeAsync(server.Url, new() { Json = json, JsonValue = value });
        Assert.Equal((outcome, outcome == Outcome.Up), (result.Outcome, result.Error is null));
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("{\"a\":1} and more")]
    [InlineData("")]
    public async Task A_body_that_is_not_JSON_fails_the_assertion(string body)
    {
        await using var server = await StartAsync(c => c.Response.WriteAsync(body));
        Assert.Contains("not JSON", (await ProbeAsync(server.Url, new() { Json = "a" })).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_expression_that_doubles_its_body_again_and_again_is_not_asked()
    {
        await using var server = await StartAsync(c => c.Response.WriteAsync("[1]"));
        var result = await ProbeAsync(server.Url, new() { Json = string.Join('|', Enumerable.Repeat("[@,@]", 60)) });
        Assert.Equal(Outcome.Unprobeable, result.Outcome);
        Assert.Contains("times its size", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deeply_nested_JSON_does_no_harm()
    {
        await using var server = await StartAsync(c => c.Response.WriteAsync(new string('[', 400_000)));
        Assert.Equal(Outcome.AssertionFailed, (await ProbeAsync(server.Url, new() { Json = "a" })).Outcome);
    }

    [Fact]
    public async Task A_slow_answer_is_degraded_and_a_wrong_one_down()
    {
        await using var server = await StartAsync(async c => { await Task.Delay(60); c.Response.StatusCode = c.Request.Path == "/" ? 200 : 500; });
        var slow = await ProbeAsync(server.Url, null, latencyLimitMs: 20);
        Assert.Equal(Outcome.Degraded, slow.Outcome);
        Assert.EndsWith("the limit is 20 ms", slow.Error, StringComparison.Ordinal);
        Assert.Equal(Outcome.Up, (await ProbeAsync(server.Url, null, latencyLimitMs: 9_000)).Outcome);
        Assert.Equal(Outcome.BadStatus, (await ProbeAsync(server.Url + "x", null, latencyLimitMs: 20)).Outcome);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    [InlineData("deflate")]
    [InlineData("raw deflate")]
    public async Task A_compressed_body_is_decompressed_and_counted_so(string coding)
    {
        string? asked = null;
        await using var server = await StartAsync(async c =>
        {
            asked = c.Request.Headers.AcceptEncoding;
            c.Response.Headers.ContentEncoding = coding.Split(' ')[^1];
            await using Stream packed = coding switch
            {
                "gzip" => new GZipStream(c.Response.Body, CompressionLevel.Fastest),
                "br" => new BrotliStream(c.Response.Body, CompressionLevel.Fastest),
                "deflate" => new ZLibStream(c.Response.Body, CompressionLevel.Fastest),
                _ => new DeflateStream(c.Response.Body, CompressionLevel.Fastest),
            };
            await packed.WriteAsync(Encoding.UTF8.GetBytes(new string('a', 5_000) + "end"));
        });
        var result = await ProbeAsync(server.Url, new(), regex: "end");
        Assert.Equal((Outcome.Up, "end", 5_003), (result.Outcome, result.Match, result.Bytes));
        Assert.Equal("gzip, br, deflate", asked);
        Assert.Equal(Outcome.TooLarge, (await ProbeAsync(server.Url, new() { MaxBytes = 5_002 })).Outcome);
        await ProbeAsync(server.Url, new() { Compression = false });
        Assert.True(string.IsNullOrEmpty(asked));
    }

    [Fact]
    public async Task Bodies_beyond_the_memory_wait_and_their_rows_say_so()
    {
        (Settings.MaxBodyMemory, Settings.MaxBodyBytes) = (3_000_000, 1_000_000);
        var turn = new SemaphoreSlim(0);
        await using var server = await StartAsync(async c =>
        {
            await c.Response.WriteAsync(new string('a', 100_000));
            await c.Response.Body.FlushAsync();
            await turn.WaitAsync(c.RequestAborted);
            await c.Response.WriteAsync("end");
        });
        var first = ProbeAsync(server.Url, new(), regex: "end", timeoutMs: 20_000);
        var second = ProbeAsync(server.Url, new(), regex: "end", timeoutMs: 20_000);
        var starved = await ProbeAsync(server.Url, new(), regex: "end", timeoutMs: 700);
        Assert.Contains(starved.Outcome, new[] { Outcome.ResourceFault, Outcome.Timeout });
        turn.Release(3);
        var results = await Task.WhenAll(first, second);
        Assert.All(results, r => Assert.Equal(Outcome.Up, r.Outcome));
        Assert.Contains(results.Append(starved), r => r.Flags.HasFlag(ProbeRemarks.Saturated));
    }
}
