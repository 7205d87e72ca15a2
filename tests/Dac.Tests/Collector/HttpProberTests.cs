using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using Dac.Collector;
using Dac.Collector.Probing;
using Dac.Contracts;

namespace Dac.Tests.Collector;

public sealed class HttpProberTests
{
    [Fact]
    public async Task A_page_that_answers_is_up_with_its_phases()
    {
        var (url, server) = await TestServer.HttpAsync(c => c.Response.WriteAsync("hello"));
        await using var _ = server;
        var result = await ProbeAsync(url);
        Assert.Equal((Outcome.Up, (short)200, 5), (result.Outcome, result.StatusCode!.Value, result.Bytes!.Value));
        Assert.Null(result.TlsUs);
        Assert.Null(result.Error);
        int?[] phases = [result.ResolveUs, result.ConnectUs, result.RequestUs, result.FirstByteUs, result.TransferUs];
        Assert.All(phases, p => Assert.NotNull(p));
        Assert.InRange(phases.Sum()!.Value, 1, result.TotalUs!.Value);
    }

    [Fact]
    public async Task Each_phase_holds_the_time_that_the_server_took_for_it()
    {
        var (url, server) = await TestServer.HttpAsync(async c =>
        {
            await Task.Delay(60);
            await c.Response.WriteAsync("first");
            await c.Response.Body.FlushAsync();
            await Task.Delay(120);
            await c.Response.WriteAsync("rest");
        });
        await using var _ = server;
        var result = await ProbeAsync(url);
        // A busy machine may see late that the request is sent, or that the first byte is there, at the cost of the next phase: together they hold all that the server took.
        Assert.True(result.RequestUs + result.FirstByteUs >= 59_000, $"request {result.RequestUs}, first byte {result.FirstByteUs}");
        Assert.True(result.RequestUs + result.FirstByteUs + result.TransferUs >= 178_000, $"request {result.RequestUs}, first byte {result.FirstByteUs}, transfer {result.TransferUs}");
    }

    [Theory]
    [InlineData(404)]
    [InlineData(500)]
    [InlineData(304)]
    public async Task A_status_that_is_not_2xx_is_down_and_says_so(int status)
    {
        var (url, server) = await TestServer.HttpAsync(c => { c.Response.StatusCode = status; return Task.CompletedTask; });
        await using var _ = server;
        var result = await ProbeAsync(url);
        Assert.Equal((Outcome.BadStatus, (short)status), (result.Outcome, result.StatusCode!.Value));
        Assert.Contains($"status {status}", result.Error, StringComparison.Ordinal);
    }

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
    public async Task A_redirect_is_followed_and_its_phases_add_up()
    {
        var (url, server) = await TestServer.HttpAsync(async c =>
        {
            await Task.Delay(40);
            if (c.Request.Path == "/")
                c.Response.Redirect("/there");
            else
                await c.Response.WriteAsync("there");
        });
        await using var _ = server;
        var result = await ProbeAsync(url, regex: "there");
        Assert.Equal(Outcome.Up, result.Outcome);
        Assert.True(result.FirstByteUs >= 78_000, $"first byte {result.FirstByteUs}");
    }

    [Fact]
    public async Task A_redirect_loop_ends()
    {
        var (url, server) = await TestServer.HttpAsync(c => { c.Response.Redirect(c.Request.Path); return Task.CompletedTask; });
        await using var _ = server;
        var result = await ProbeAsync(url);
        Assert.Equal((Outcome.TooManyRedirects, (short)302), (result.Outcome, result.StatusCode!.Value));
    }

    [Fact]
    public async Task A_refused_connection_is_down()
    {
        var result = await ProbeAsync(TestServer.Closed());
        Assert.Equal((Outcome.ConnectFailed, "connection refused"), (result.Outcome, result.Error));
        Assert.Null(result.ConnectUs);
    }

    [Fact]
    public async Task A_server_that_says_nothing_times_out()
    {
        var (url, server) = TestServer.Silent();
        using var _ = server;
        var result = await ProbeAsync(url, timeoutMs: 200);
        Assert.Equal((Outcome.Timeout, "not finished within 200 ms"), (result.Outcome, result.Error));
        Assert.NotNull(result.RequestUs);
        Assert.Null(result.FirstByteUs);
    }

    [Fact]
    public async Task A_body_that_trickles_on_times_out_as_a_whole()
    {
        var (url, server) = await TestServer.HttpAsync(async c =>
        {
            while (!c.RequestAborted.IsCancellationRequested)
            {
                await c.Response.WriteAsync(".");
                await c.Response.Body.FlushAsync();
                await Task.Delay(20);
            }
        });
        await using var _ = server;
        Assert.Equal(Outcome.Timeout, (await ProbeAsync(url, timeoutMs: 300)).Outcome);
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc")]
    public async Task An_answer_that_breaks_the_protocol_is_down(string answer)
    {
        var (url, server) = TestServer.Raw(answer);
        using var _ = server;
        var result = await ProbeAsync(url);
        Assert.Equal(Outcome.ProtocolError, result.Outcome);
        Assert.NotNull(result.Error);
    }

    [Fact]
    public async Task A_connection_that_is_reset_is_down()
    {
        var (url, server) = TestServer.Raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", reset: true);
        using var _ = server;
        Assert.Equal(Outcome.ConnectFailed, (await ProbeAsync(url)).Outcome);
    }

    [Fact]
    public async Task Headers_without_end_are_cut_off()
    {
        var (url, server) = TestServer.Raw("HTTP/1.1 200 OK\r\n" + string.Concat(Enumerable.Range(0, 3_000).Select(i => $"X-{i}: {new string('x', 50)}\r\n")));
        using var _ = server;
        Assert.Equal(Outcome.TooLarge, (await ProbeAsync(url)).Outcome);
    }

    [Fact]
    public async Task A_body_beyond_the_limit_is_cut_off_also_when_it_is_compressed()
    {
        var bomb = new MemoryStream();
        await using (var gzip = new GZipStream(bomb, CompressionLevel.Fastest, leaveOpen: true))
            await gzip.WriteAsync(new byte[20_000_000]);
        var (url, server) = await TestServer.HttpAsync(async c =>
        {
            c.Response.Headers.ContentEncoding = "gzip";
            await c.Response.Body.WriteAsync(bomb.ToArray());
        });
        await using var _ = server;
        var result = await ProbeAsync(url);
        Assert.Equal(Outcome.TooLarge, result.Outcome);
        Assert.InRange(result.Bytes!.Value, 1 << 20, 2 << 20);
    }

    [Fact]
    public async Task A_self_signed_certificate_is_refused_and_its_expiry_is_stored()
    {
        var expires = DateTimeOffset.FromUnixTimeSeconds(TimeProvider.System.GetUtcNow().AddDays(10).ToUnixTimeSeconds());
        var (url, server) = await TestServer.HttpAsync(c => c.Response.WriteAsync("secret"), TestServer.Certificate("localhost", expires));
        await using var _ = server;
        var result = await ProbeAsync(url);
        Assert.Equal(Outcome.TlsFailed, result.Outcome);
        Assert.StartsWith("certificate refused: ", result.Error, StringComparison.Ordinal);
        Assert.Equal(expires.ToUnixTimeMilliseconds(), result.TlsExpiresAtMs);
    }

    [Fact]
    public async Task A_certificate_for_another_host_is_refused_and_the_reason_named()
    {
        var (url, server) = await TestServer.HttpAsync(c => c.Response.WriteAsync("x"), TestServer.Certificate("other.example", TimeProvider.System.GetUtcNow().AddDays(10)));
        await using var _ = server;
        Assert.Contains("it is for another host", (await ProbeAsync(url)).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_speaks_no_TLS_fails_the_handshake()
    {
        var (url, server) = TestServer.Raw("HTTP/1.1 400 Bad Request\r\n\r\n");
        using var _ = server;
        Assert.Equal(Outcome.TlsFailed, (await ProbeAsync(url.Replace("http:", "https:"))).Outcome);
    }

    [Theory]
    [InlineData(System.Net.Sockets.SocketError.HostNotFound, Outcome.NameNotFound)]
    [InlineData(System.Net.Sockets.SocketError.TryAgain, Outcome.ResolverFault)]
    [InlineData(System.Net.Sockets.SocketError.TooManyOpenSockets, Outcome.ResourceFault)]
    public void A_resolver_that_does_not_answer_is_the_observers_fault(System.Net.Sockets.SocketError error, Outcome outcome) =>
        Assert.Equal(outcome, ProbeFailure.Resolving(new System.Net.Sockets.SocketException((int)error), "h").Outcome);

    [Theory]
    [InlineData(System.Net.Sockets.SocketError.ConnectionRefused, Outcome.ConnectFailed)]
    [InlineData(System.Net.Sockets.SocketError.HostUnreachable, Outcome.ConnectFailed)]
    [InlineData(System.Net.Sockets.SocketError.NetworkUnreachable, Outcome.NetworkFault)]
    [InlineData(System.Net.Sockets.SocketError.TooManyOpenSockets, Outcome.ResourceFault)]
    [InlineData(System.Net.Sockets.SocketError.NoBufferSpaceAvailable, Outcome.ResourceFault)]
    [InlineData(System.Net.Sockets.SocketError.AddressNotAvailable, Outcome.ResourceFault)]
    public void The_collectors_own_trouble_is_never_booked_as_the_targets(System.Net.Sockets.SocketError error, Outcome outcome) =>
        Assert.Equal(outcome, ProbeFailure.Explain(new HttpRequestException("x", new System.Net.Sockets.SocketException((int)error)), timedOut: false, 1)!.Value.Outcome);

    [Fact]
    public async Task A_name_whose_last_address_has_no_listener_is_tried_at_all_its_addresses()
    {
        // localhost may be 127.0.0.1 and ::1; the server is at the first only.
        var (url, server) = await TestServer.HttpAsync(c => c.Response.WriteAsync("ok"));
        await using var _ = server;
        Assert.Equal(Outcome.Up, (await ProbeAsync(url.Replace("127.0.0.1", "localhost"))).Outcome);
        Assert.Equal(Outcome.ConnectFailed, (await ProbeAsync(TestServer.Closed().Replace("127.0.0.1", "localhost"))).Outcome);
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
    public void A_bug_is_not_explained_away() => Assert.Null(ProbeFailure.Explain(new NullReferenceException(), timedOut: false, 1));

    private static async Task<ProbeResult> ProbeAsync(string url, string? regex = null, int timeoutMs = 5_000)
    {
        Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);
        var probe = new ProbeUrl { TargetId = 1, ScheduledAtMs = 0, Url = url, Regex = regex, TimeoutMs = timeoutMs, ToleranceMs = 500 };
        var measurement = new Measurement(TimeProvider.System);
        using var timeout = new CancellationTokenSource(timeoutMs);
        await Probers.Http(new CollectorOptions()).ProbeAsync(probe, measurement, timeout.Token);
        return measurement.ToResult(probe, 0, ProbeRemarks.None);
    }
}
