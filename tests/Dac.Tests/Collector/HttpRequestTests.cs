using Dac.Collector.Probing;
using Dac.Contracts;
using Dac.Tests.Collector.Hostile;
using Microsoft.Extensions.Time.Testing;

namespace Dac.Tests.Collector;

/// <summary>What a target of HTTP can ask for of request, redirects, version and connection, each against a server that would show the opposite.</summary>
public sealed class HttpRequestTests : HttpTests
{
    [Fact]
    public async Task Method_headers_and_body_are_sent_as_given()
    {
        await using var server = await StartAsync(async c =>
        {
            using var reader = new StreamReader(c.Request.Body);
            await c.Response.WriteAsync($"{c.Request.Method} {c.Request.Headers["X-A"]} {c.Request.ContentType} {await reader.ReadToEndAsync()} {c.Request.Headers.UserAgent} {c.Request.Host}");
        });
        var result = await ProbeAsync(server.Url, new()
        {
            Method = "POST",
            Body = "{}",
            Headers = new Dictionary<string, string> { ["X-A"] = "1", ["Content-Type"] = "application/json", ["User-Agent"] = "mine", ["Host"] = "other.example" },
        }, regex: ".*");
        Assert.Equal("POST 1 application/json {} mine other.example", result.Match!.Trim());
    }

    [Fact]
    public async Task A_redirect_that_is_accepted_by_its_status_is_not_followed()
    {
        await using var server = await StartAsync(c => { c.Response.Redirect("http://127.0.0.1:1/"); return Task.CompletedTask; });
        var result = await ProbeAsync(server.Url, new() { Status = "2xx,302" });
        Assert.Equal((Outcome.Up, (short)302), (result.Outcome, result.StatusCode!.Value));
        Assert.Contains("redirects are not followed", (await ProbeAsync(server.Url, new() { FollowRedirects = false })).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task More_redirects_than_asked_for_are_too_many()
    {
        await using var server = await StartAsync(c => { var n = int.Parse(c.Request.Path.Value![1..]); if (n > 0) c.Response.Redirect($"/{n - 1}"); return Task.CompletedTask; });
        Assert.Equal(Outcome.Up, (await ProbeAsync(server.Url + "3", new() { MaxRedirects = 3 })).Outcome);
        Assert.Equal(Outcome.TooManyRedirects, (await ProbeAsync(server.Url + "4", new() { MaxRedirects = 3 })).Outcome);
    }

    [Theory]
    [InlineData(302, "GET ")]
    [InlineData(303, "GET ")]
    [InlineData(307, "POST b")]
    [InlineData(308, "POST b")]
    public async Task A_redirect_repeats_or_changes_the_method_as_its_status_says(int status, string expected)
    {
        await using var server = await StartAsync(async c =>
        {
            using var reader = new StreamReader(c.Request.Body);
            var body = await reader.ReadToEndAsync();
            if (c.Request.Path == "/")
                (c.Response.StatusCode, c.Response.Headers.Location) = (status, "/there");
            else
                await c.Response.WriteAsync($"{c.Request.Method} {body}");
        });
        Assert.Equal(expected, (await ProbeAsync(server.Url, new() { Method = "POST", Body = "b" }, regex: "[^|]+")).Match);
    }

    [Theory]
    [InlineData("1.1", "HTTP/1.1")]
    [InlineData("2", "HTTP/2")]
    public async Task The_version_is_the_one_that_was_asked_for(string version, string spoken)
    {
        await using var server = await StartAsync(c => c.Response.WriteAsync(c.Request.Protocol), https => https.ServerCertificate = Authority.Server);
        var result = await ProbeAsync(server.Url, new() { Version = version }, new() { Ca = Secret("ca", Authority.Root.Pem()) }, regex: ".+");
        Assert.Equal((Outcome.Up, spoken), (result.Outcome, result.Match));
        Assert.All([result.ConnectUs, result.TlsUs, result.FirstByteUs, result.TransferUs], p => Assert.NotNull(p));
    }

    [Fact]
    public async Task HTTP_3_needs_QUIC_and_says_so()
    {
        if (System.Net.Quic.QuicConnection.IsSupported)
            Assert.Skip("This machine has QUIC.");
        Assert.Contains("libmsquic", (await ProbeAsync("https://127.0.0.1:1/", new() { Version = "3" })).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_connection_is_fresh_unless_it_is_to_be_kept()
    {
        await using var server = await StartAsync(c => c.Response.WriteAsync(c.Connection.Id));
        var kept = new[] { await ProbeAsync(server.Url, new() { ReuseConnection = true }, regex: ".+"), await ProbeAsync(server.Url, new() { ReuseConnection = true }, regex: ".+") };
        Assert.Equal(kept[0].Match, kept[1].Match);
        Assert.NotNull(kept[0].ConnectUs);
        Assert.Null(kept[1].ConnectUs);
        Assert.NotNull(kept[1].FirstByteUs);
        var fresh = new[] { await ProbeAsync(server.Url, new(), regex: ".+"), await ProbeAsync(server.Url, new(), regex: ".+") };
        Assert.NotEqual(fresh[0].Match, fresh[1].Match);
        Assert.All(fresh, f => Assert.NotNull(f.ConnectUs));
    }

    [Trait("slow", "yes")]
    [Theory]
    [InlineData(0, Outcome.Up)]
    [InlineData(2_500, Outcome.ResourceFault)]
    public async Task A_redirect_that_waits_for_its_turn_says_so_and_is_no_timeout_of_the_targets(int redirectAfterMs, Outcome second)
    {
        Settings.MaxConnectsPerSecond = 1;
        await using var server = await StartAsync(async c =>
        {
            if (c.Request.Path != "/")
                return;
            await Task.Delay(redirectAfterMs, c.RequestAborted);
            c.Response.Redirect("/there");
        });
        var results = await Task.WhenAll(ProbeAsync(server.Url, timeoutMs: 3_000), ProbeAsync(server.Url, timeoutMs: 3_000));
        Assert.Equal(new[] { Outcome.Up, second }.Order(), results.Select(r => r.Outcome).Order());
        if (second == Outcome.Up)
            Assert.Single(results, r => r.Flags.HasFlag(ProbeRemarks.Saturated));
    }

    [Fact]
    public async Task Beyond_the_connections_that_may_be_kept_a_probe_makes_its_own()
    {
        Settings.MaxKeptConnections = 0;
        await using var server = await StartAsync(c => c.Response.WriteAsync(c.Connection.Id));
        var results = new[] { await ProbeAsync(server.Url, new() { ReuseConnection = true }, regex: ".+"), await ProbeAsync(server.Url, new() { ReuseConnection = true }, regex: ".+") };
        Assert.NotEqual(results[0].Match, results[1].Match);
        Assert.All(results, r => Assert.NotNull(r.ConnectUs));
    }

    [Fact]
    public void A_connection_that_no_probe_came_back_for_makes_room_for_others()
    {
        var time = new FakeTimeProvider();
        using var connections = new HttpConnections(limit: 1, time);
        var (deleted, first) = Kept(1);
        var (other, second) = Kept(2);
        connections.Keep(deleted, first);
        time.Advance(TimeSpan.FromMinutes(6));
        connections.Keep(other, second);
        Assert.Same(second, connections.Take(other));
        Assert.Null(connections.Take(deleted));

        static (ProbeUrl Probe, HttpExchange Exchange) Kept(long target)
        {
            var probe = new ProbeUrl { TargetId = target, ScheduledAtMs = 0, Url = "http://localhost/", Http = new() { ReuseConnection = true }, TimeoutMs = 1_000, ToleranceMs = 500 };
            return (probe, HttpExchange.Open(null!, null!, home: true, probe, new Measurement(TimeProvider.System), CancellationToken.None));
        }
    }

    [Theory]
    [InlineData("/caf\u00c3\u00a9?q=\u00e2\u0082\u00ac", "/caf%C3%A9?q=%E2%82%AC")]
    [InlineData("/caf\u00e9", "/caf%C3%A9")]
    public async Task A_redirect_that_is_written_in_UTF_8_leads_where_a_browser_goes(string location, string asked)
    {
        var seen = "";
        await using var server = HostileServer.Start(async c =>
        {
            seen = await c.RequestAsync();
            await c.SayAsync(seen.StartsWith("GET / ", StringComparison.Ordinal)
                ? $"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        });
        Assert.Equal(Outcome.Up, (await ProbeAsync($"http://127.0.0.1:{server.Port}/")).Outcome);
        Assert.StartsWith($"GET {asked} HTTP/1.1", seen, StringComparison.Ordinal);
    }
}
