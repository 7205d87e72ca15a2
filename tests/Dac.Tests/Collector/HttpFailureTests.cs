using System.IO.Compression;
using Dac.Collector.Probing;
using Dac.Contracts;

namespace Dac.Tests.Collector;

/// <summary>Each way in which a page does not answer, and whose fault it is.</summary>
public sealed class HttpFailureTests : HttpTests
{
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
    public void A_bug_is_not_explained_away() => Assert.Null(ProbeFailure.Explain(new NullReferenceException(), timedOut: false, 1));
}
