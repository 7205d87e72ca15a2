using System.Net.WebSockets;
using System.Text;
using Dac.Collector;
using Dac.Collector.Probing;
using Dac.Contracts;

namespace Dac.Tests.Collector;

/// <summary><see cref="WsProber"/> against Kestrel.</summary>
public sealed class WsProberTests
{
    [Fact]
    public async Task An_upgrade_is_up_with_its_phases()
    {
        await using var server = await KestrelServer.StartAsync(Echo);
        var result = await ProbeOnce.RunAsync(server.Url("ws"));
        Assert.Equal((Outcome.Up, (short)101), (result.Outcome, result.StatusCode!.Value));
        int?[] phases = [result.ResolveUs, result.ConnectUs, result.RequestUs, result.FirstByteUs];
        Assert.All(phases, p => Assert.NotNull(p));
        Assert.InRange(phases.Sum()!.Value, 1, result.TotalUs!.Value);
    }

    [Fact]
    public async Task Over_TLS_the_certificate_is_verified()
    {
        using var authority = new TestAuthority();
        using var certificate = authority.Issue();
        await using var server = await KestrelServer.StartAsync(Echo, certificate: certificate);
        Assert.Equal(Outcome.TlsFailed, (await ProbeOnce.RunAsync(server.Url("wss"))).Outcome);
        var result = await ProbeOnce.RunAsync(server.Url("wss"), p => p with { Tls = TestAuthority.Trust }, authority.Settings);
        Assert.Equal((Outcome.Up, null), (result.Outcome, result.Error));
        Assert.NotNull(result.TlsUs);
        Assert.NotNull(result.TlsExpiresAtMs);
    }

    [Theory]
    [InlineData("ping", "^echo ping$", Outcome.Up, "echo ping")]
    [InlineData("ping", "pong", Outcome.UnexpectedAnswer, null)]
    public async Task A_message_is_sent_and_one_expected(string send, string expect, Outcome outcome, string? match)
    {
        await using var server = await KestrelServer.StartAsync(Echo);
        var result = await ProbeOnce.RunAsync(server.Url("ws"), p => p with { Ws = new() { Send = send, Expect = expect } }, timeoutMs: 3_000);
        Assert.Equal((outcome, match), (result.Outcome, result.Match));
    }

    [Fact]
    public async Task The_targets_regex_is_expected_of_what_the_server_says_by_itself()
    {
        await using var server = await KestrelServer.StartAsync(async c =>
        {
            using var socket = await c.WebSockets.AcceptWebSocketAsync();
            await socket.SendAsync("price 17"u8.ToArray(), WebSocketMessageType.Text, true, c.RequestAborted);
            await socket.ReceiveAsync(new byte[10], c.RequestAborted);
        });
        Assert.Equal("17", (await ProbeOnce.RunAsync(server.Url("ws"), p => p with { Regex = "price ([0-9]+)" })).Match);
    }

    [Fact]
    public async Task Headers_secrets_and_subprotocol_are_sent()
    {
        Environment.SetEnvironmentVariable("DAC_SECRET_WS_TEST", "s3cret");
        (string?, string?, string?) seen = default; // copied: Kestrel empties a request's headers when it ends
        await using var server = await KestrelServer.StartAsync(async c =>
        {
            seen = (c.Request.Headers.Origin, c.Request.Headers["X-Key"], c.Request.Headers.SecWebSocketProtocol);
            using var socket = await c.WebSockets.AcceptWebSocketAsync("chat");
            await socket.ReceiveAsync(new byte[10], c.RequestAborted);
        });
        var options = new WsOptions { Headers = new Dictionary<string, string> { ["Origin"] = "https://example.org" }, SecretHeaders = new Dictionary<string, string> { ["X-Key"] = "env:DAC_SECRET_WS_TEST" }, Subprotocol = "chat" };
        Assert.Equal(Outcome.Up, (await ProbeOnce.RunAsync(server.Url("ws"), p => p with { Ws = options })).Outcome);
        Assert.Equal(("https://example.org", "s3cret", "chat"), seen);
    }

    [Fact]
    public async Task A_subprotocol_that_is_not_granted_is_down()
    {
        await using var server = await KestrelServer.StartAsync(Echo);
        Assert.Equal(Outcome.UnexpectedAnswer, (await ProbeOnce.RunAsync(server.Url("ws"), p => p with { Ws = new() { Subprotocol = "chat" } })).Outcome);
    }

    [Theory]
    [InlineData(200)]
    [InlineData(302)]
    [InlineData(403)]
    [InlineData(503)]
    public async Task A_status_other_than_101_is_down_and_says_so(int status)
    {
        await using var server = await KestrelServer.StartAsync(c => { c.Response.StatusCode = status; return Task.CompletedTask; });
        var result = await ProbeOnce.RunAsync(server.Url("ws"));
        Assert.Equal((Outcome.BadStatus, (short)status, $"status {status}, an upgrade is 101"), (result.Outcome, result.StatusCode!.Value, result.Error));
    }

    [Fact]
    public async Task Messages_without_end_are_cut_off()
    {
        await using var server = await KestrelServer.StartAsync(async c =>
        {
            using var socket = await c.WebSockets.AcceptWebSocketAsync();
            while (true)
                await socket.SendAsync(new byte[10_000], WebSocketMessageType.Binary, false, c.RequestAborted);
        });
        var result = await ProbeOnce.RunAsync(server.Url("ws"), p => p with { Regex = "never" });
        Assert.Equal((Outcome.TooLarge, 65_536), (result.Outcome, result.Bytes!.Value));
    }

    [Fact]
    public async Task A_close_instead_of_the_message_is_down()
    {
        await using var server = await KestrelServer.StartAsync(async c =>
        {
            using var socket = await c.WebSockets.AcceptWebSocketAsync();
            await socket.CloseOutputAsync(WebSocketCloseStatus.PolicyViolation, "no", c.RequestAborted);
        });
        Assert.Equal(Outcome.UnexpectedAnswer, (await ProbeOnce.RunAsync(server.Url("ws"), p => p with { Regex = "x" })).Outcome);
    }

    [Fact]
    public async Task The_egress_guard_holds()
    {
        await using var server = await KestrelServer.StartAsync(_ => throw new InvalidOperationException("was reached"));
        Assert.Equal(Outcome.Denied, (await ProbeOnce.RunAsync(server.Url("ws"), options: new CollectorOptions { DeniedNetworks = "127.0.0.0/8,::1/128" })).Outcome);
    }

    private static async Task Echo(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var buffer = new byte[1_000];
        while (await socket.ReceiveAsync(buffer, context.RequestAborted) is { MessageType: WebSocketMessageType.Text } message)
            await socket.SendAsync(Encoding.UTF8.GetBytes("echo " + Encoding.UTF8.GetString(buffer, 0, message.Count)), WebSocketMessageType.Text, true, context.RequestAborted);
    }
}
