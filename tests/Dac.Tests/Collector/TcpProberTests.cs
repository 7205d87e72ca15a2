using System.Net.Security;
using System.Text;
using Dac.Collector;
using Dac.Collector.Probing;
using Dac.Contracts;

namespace Dac.Tests.Collector;

/// <summary><see cref="TcpProber"/>, schemes <c>tcp</c> and <c>tls</c>, against sockets and certificates of the test's own.</summary>
public sealed class TcpProberTests : IDisposable
{
    private readonly TestAuthority _authority = new();

    [Fact]
    public async Task A_port_that_takes_a_connection_is_up()
    {
        await using var server = new SocketServer((_, _) => Task.CompletedTask);
        var result = await ProbeOnce.RunAsync($"tcp://127.0.0.1:{server.Port}");
        Assert.Equal(Outcome.Up, result.Outcome);
        Assert.InRange(result.ConnectUs!.Value, 1, result.TotalUs!.Value);
        Assert.Equal((null, null, null), (result.TlsUs, result.FirstByteUs, result.Bytes));
    }

    [Fact]
    public async Task A_closed_port_is_down()
    {
        var result = await ProbeOnce.RunAsync(TestServer.Closed().Replace("http:", "tcp:"));
        Assert.Equal((Outcome.ConnectFailed, "connection refused"), (result.Outcome, result.Error));
    }

    [Fact]
    public async Task The_egress_guard_holds()
    {
        await using var server = new SocketServer((_, _) => throw new InvalidOperationException("was reached"));
        Assert.Equal(Outcome.Denied, (await ProbeOnce.RunAsync($"tcp://localhost:{server.Port}", options: new CollectorOptions { DeniedNetworks = "127.0.0.0/8,::1/128" })).Outcome);
    }

    [Fact]
    public async Task A_dialogue_goes_step_by_step_and_its_last_match_is_stored()
    {
        await using var server = SocketServer.Lines("220 ready\r\n", "250 one\r\n250 two\r\n", "221 bye 17\r\n");
        var details = new ProbeDetails();
        var result = await ProbeOnce.RunAsync(
            $"tcp://127.0.0.1:{server.Port}",
            p => p with { Regex = "bye ([0-9]+)", Tcp = new() { Dialogue = ["expect: ^220 ", @"send: HELO \x78\\\r\n", "expect: 250 two", @"send: QUIT\r\n"] } }, details: details);
        Assert.Equal((Outcome.Up, "17"), (result.Outcome, result.Match));
        Assert.Equal(41, result.Bytes);
        Assert.All(new[] { result.RequestUs, result.FirstByteUs, result.TransferUs }, p => Assert.NotNull(p));
        Assert.Equal(["expect ^220 ", "expect 250 two", "expect bye ([0-9]+)"], details.Assertions.Select(a => a.Asked));
    }

    [Fact]
    public async Task What_is_sent_arrives_to_the_byte()
    {
        var heard = new TaskCompletionSource<byte[]>();
        await using var server = new SocketServer(async (stream, stop) =>
        {
            var buffer = new byte[7];
            await stream.ReadExactlyAsync(buffer, stop);
            heard.SetResult(buffer);
            await stream.WriteAsync(new byte[] { 0xFF, 0x00, 0x0A }, stop);
        });
        var result = await ProbeOnce.RunAsync($"tcp://127.0.0.1:{server.Port}", p => p with { Tcp = new() { Dialogue = [@"send: \x00\xff\r\nü\\", @"expect: ^\xff\x00\n"] } });
        Assert.Equal(Outcome.Up, result.Outcome);
        Assert.Equal(new byte[] { 0, 0xFF, 13, 10, 0xC3, 0xBC, 92 }, await heard.Task);
    }

    [Theory]
    [InlineData("554 no\r\n", Outcome.UnexpectedAnswer, "the connection was closed before anything matched '^220 ': received '554 no'")]
    [InlineData("", Outcome.UnexpectedAnswer, "the connection was closed before anything matched '^220 ': nothing was received")]
    public async Task An_answer_that_does_not_match_is_down_and_shown(string said, Outcome outcome, string error)
    {
        await using var server = new SocketServer(async (stream, stop) => await stream.WriteAsync(Encoding.ASCII.GetBytes(said), stop));
        var result = await ProbeOnce.RunAsync($"tcp://127.0.0.1:{server.Port}", p => p with { Tcp = new() { Dialogue = ["expect: ^220 "] } });
        Assert.Equal((outcome, error), (result.Outcome, result.Error));
    }

    [Fact]
    public async Task What_was_received_is_shown_where_the_right_answer_does_not_come_in_time()
    {
        await using var server = SocketServer.Lines("554 no\r\n");
        var result = await ProbeOnce.RunAsync($"tcp://127.0.0.1:{server.Port}", p => p with { Regex = "^220 " }, timeoutMs: 300);
        Assert.Equal((Outcome.UnexpectedAnswer, "nothing matched '^220 ' within the timeout: received '554 no'"), (result.Outcome, result.Error));
    }

    [Fact]
    public async Task A_verified_certificate_is_up_with_expiry_version_and_cipher()
    {
        using var certificate = _authority.Issue(days: 30);
        await using var server = Tls(certificate);
        var details = new ProbeDetails();
        var result = await ProbeOnce.RunAsync($"tls://localhost:{server.Port}", p => p with { Tls = TestAuthority.Trust }, _authority.Settings, details: details);
        Assert.Equal((Outcome.Up, null), (result.Outcome, result.Error));
        Assert.Equal(new DateTimeOffset(certificate.NotAfter.ToUniversalTime()).ToUnixTimeMilliseconds(), result.TlsExpiresAtMs);
        Assert.InRange(result.TlsUs!.Value, 1, result.TotalUs!.Value);
        Assert.StartsWith("Tls1", details.TlsVersion, StringComparison.Ordinal);
        Assert.StartsWith("TLS_", details.Cipher, StringComparison.Ordinal);
        Assert.Equal(["CN=localhost", "CN=DAC test authority"], details.Certificates.Select(c => c.Subject));
    }

    [Theory]
    [InlineData("localhost", 30, "file:ca.pem", null, Outcome.Up, "")]
    [InlineData("localhost", 30, "file:ca.pem", 60, Outcome.Degraded, "in less than 60 days")]
    [InlineData("localhost", 30, null, null, Outcome.TlsFailed, "certificate refused: ")]
    [InlineData("localhost", -1, "file:ca.pem", null, Outcome.TlsFailed, "certificate refused: ")]
    [InlineData("other.example", 30, "file:ca.pem", null, Outcome.TlsFailed, "it is for another host")]
    [InlineData("localhost", 30, "file:none.pem", null, Outcome.SecretFault, "there is no such file")]
    public async Task The_chain_is_verified(string host, int days, string? ca, int? minDays, Outcome outcome, string error)
    {
        using var certificate = _authority.Issue(host, days);
        await using var server = Tls(certificate);
        var result = await ProbeOnce.RunAsync($"tls://localhost:{server.Port}", p => p with { Tls = new() { Ca = ca, MinDays = minDays } }, _authority.Settings);
        Assert.Equal(outcome, result.Outcome);
        Assert.Contains(error, result.Error ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_dialogue_goes_on_inside_TLS()
    {
        using var certificate = _authority.Issue();
        await using var server = Tls(certificate, "+PONG\r\n");
        var result = await ProbeOnce.RunAsync($"tls://localhost:{server.Port}", p => p with { Tls = TestAuthority.Trust, Tcp = new() { Dialogue = [@"send: PING\r\n", @"expect: ^\+PONG"] } }, _authority.Settings);
        Assert.Equal((Outcome.Up, "+PONG"), (result.Outcome, result.Match));
    }

    [Theory]
    [InlineData("smtp", "220 mail ESMTP\r\n", "250-mail\r\n250-SIZE 1\r\n250 STARTTLS\r\n", "220 go\r\n")]
    [InlineData("ftp", "220-welcome\r\n220 ready\r\n", "234 AUTH TLS\r\n")]
    [InlineData("imap", "* OK IMAP4rev2\r\n", "a OK begin TLS\r\n")]
    [InlineData("pop3", "+OK ready\r\n", "+OK begin\r\n")]
    [InlineData("ldap", "0\x0c\x02\x01\x01x\x07\x0a\x01\0\x04\0\x04\0")]
    [InlineData("postgres", "S")]
    public async Task TLS_is_started_in_a_protocol(string protocol, params string[] said)
    {
        using var certificate = _authority.Issue();
        await using var server = Clear(protocol is "ldap" or "postgres", said, certificate);
        var result = await ProbeOnce.RunAsync(
            $"tcp://localhost:{server.Port}", p => p with { Tls = TestAuthority.Trust, Regex = "inside", Tcp = new() { StartTls = protocol } }, _authority.Settings);
        Assert.Equal((Outcome.Up, "inside", null), (result.Outcome, result.Match, result.Error));
        Assert.NotNull(result.TlsUs);
        Assert.NotNull(result.TlsExpiresAtMs);
    }

    [Theory]
    [InlineData("smtp", Outcome.UnexpectedAnswer, "the server starts no TLS: 454 not now", "220 mail\r\n", "250 mail\r\n", "454 not now\r\n")]
    [InlineData("smtp", Outcome.UnexpectedAnswer, "the server starts no TLS: 554 go away", "554 go away\r\n")]
    [InlineData("imap", Outcome.UnexpectedAnswer, "the server starts no TLS: a BAD what", "* OK hello\r\n", "a BAD what\r\n")]
    [InlineData("pop3", Outcome.UnexpectedAnswer, "the server starts no TLS: -ERR no", "+OK\r\n", "-ERR no\r\n")]
    [InlineData("postgres", Outcome.UnexpectedAnswer, "the server starts no TLS: N", "N")]
    [InlineData("ldap", Outcome.UnexpectedAnswer, "the server starts no TLS: 0", "0\x0c\x02\x01\x01x\x07\x0a\x01\x02\x04\0\x04\0")]
    [InlineData("pop3", Outcome.ProtocolError, "between its consent to TLS and the handshake", "+OK\r\n", "+OK\r\n+OK injected\r\n")]
    public async Task A_server_that_starts_no_TLS_is_down(string protocol, Outcome outcome, string error, params string[] said)
    {
        await using var server = Clear(protocol is "ldap" or "postgres", said, null);
        var result = await ProbeOnce.RunAsync($"tcp://localhost:{server.Port}", p => p with { Tcp = new() { StartTls = protocol } });
        Assert.Equal(outcome, result.Outcome);
        Assert.Contains(error, result.Error, StringComparison.Ordinal);
    }

    public void Dispose() => _authority.Dispose();

    private static SocketServer Tls(System.Security.Cryptography.X509Certificates.X509Certificate2 certificate, string? answer = null) => new(async (stream, stop) =>
    {
        await using var tls = new SslStream(stream);
        await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate }, stop);
        if (await tls.ReadAsync(new byte[100], stop) > 0 && answer is not null)
            await tls.WriteAsync(Encoding.ASCII.GetBytes(answer), stop);
    });

    private static SocketServer Clear(bool clientBegins, string[] said, System.Security.Cryptography.X509Certificates.X509Certificate2? certificate) => new(async (stream, stop) =>
    {
        for (var i = 0; i < said.Length; i++)
        {
            if ((clientBegins || i > 0) && await stream.ReadAsync(new byte[200], stop) == 0)
                return;
            await stream.WriteAsync(Encoding.Latin1.GetBytes(said[i]), stop);
        }
        if (certificate is null)
        {
            _ = await stream.ReadAsync(new byte[200], stop);
            return;
        }
        await using var tls = new SslStream(stream);
        await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate }, stop);
        await tls.WriteAsync("inside"u8.ToArray(), stop);
    });
}
