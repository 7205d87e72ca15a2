using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Dac.Contracts;
using Dac.Tests.Collector.Hostile;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Dac.Tests.Collector;

/// <summary>Authorities, names and certificates of a target of HTTPS.</summary>
public sealed class HttpTlsTests : HttpTests
{
    [Fact]
    public async Task Own_authorities_are_trusted_alone_and_the_expiry_is_stored()
    {
        await using var server = await StartAsync(c => c.Response.WriteAsync("ok"), https => https.ServerCertificate = Authority.Server);
        var result = await ProbeAsync(server.Url, null, new() { Ca = Secret("ca", Authority.Root.Pem()) });
        Assert.Equal(Outcome.Up, result.Outcome);
        Assert.Equal(new DateTimeOffset(Authority.Server.NotAfter).ToUnixTimeMilliseconds(), result.TlsExpiresAtMs);
        Assert.Equal(Outcome.TlsFailed, (await ProbeAsync(server.Url, null, new() { Ca = Secret("other", Certificates.Make("localhost").Pem()) })).Outcome);
        Assert.Equal(Outcome.TlsFailed, (await ProbeAsync(server.Url)).Outcome);
        Assert.Equal(Outcome.SecretFault, (await ProbeAsync(server.Url, null, new() { Ca = Secret("text", "no pem") })).Outcome);
    }

    [Fact]
    public async Task Verification_can_be_skipped_the_name_changed_and_an_expiry_that_is_near_is_degraded()
    {
        await using var server = await StartAsync(c => c.Response.WriteAsync("ok"), https => https.ServerCertificate = Authority.Server);
        var byAddress = server.Url.Replace("localhost", "127.0.0.1");
        var ca = Secret("ca", Authority.Root.Pem());
        Assert.Equal(Outcome.Up, (await ProbeAsync(byAddress, null, new() { SkipVerify = true })).Outcome);
        Assert.Equal(Outcome.TlsFailed, (await ProbeAsync(byAddress, null, new() { Ca = ca })).Outcome);
        Assert.Equal(Outcome.Up, (await ProbeAsync(byAddress, null, new() { Ca = ca, ServerName = "localhost" })).Outcome);
        var near = await ProbeAsync(server.Url, null, new() { Ca = ca, MinDays = 60 });
        Assert.Equal(Outcome.Degraded, near.Outcome);
        Assert.Contains("in less than 60 days", near.Error, StringComparison.Ordinal);
        Assert.Equal(Outcome.Up, (await ProbeAsync(server.Url, null, new() { Ca = ca, MinDays = 2, MinVersion = "1.3" })).Outcome);
    }

    [Fact]
    public async Task An_expiry_that_is_near_is_degraded_with_each_probe_over_a_kept_connection()
    {
        await using var server = await StartAsync(c => c.Response.WriteAsync("ok"), https => https.ServerCertificate = Authority.Server);
        var tls = new TlsOptions { Ca = Secret("ca", Authority.Root.Pem()), MinDays = 60 };
        var results = new[] { await ProbeAsync(server.Url, new() { ReuseConnection = true }, tls), await ProbeAsync(server.Url, new() { ReuseConnection = true }, tls) };
        Assert.Null(results[1].TlsUs);
        Assert.All(results, r => Assert.Equal(Outcome.Degraded, r.Outcome));
        Assert.Equal(results[0].Error, results[1].Error);
    }

    [Theory]
    [InlineData("1.1", false)]
    [InlineData("2", false)]
    [InlineData("1.1", true)]
    public async Task A_renewed_certificate_counts_from_the_first_probe_on_that_finds_its_kept_connection_ended(string version, bool proxied)
    {
        await using var proxy = HostileServer.Start(TunnelAsync);
        var http = new HttpOptions { ReuseConnection = true, Version = version, Proxy = proxied ? $"http://127.0.0.1:{proxy.Port}" : null };
        var tls = new TlsOptions { Ca = Secret("ca", Authority.Root.Pem()), MinDays = 10 };
        string url;
        await using (var server = await StartAsync(c => c.Response.WriteAsync("ok"), https => https.ServerCertificate = Certificates.Make("localhost", from: -5, to: 6, issuer: Authority.Root)))
        {
            url = server.Url;
            var results = new[] { await ProbeAsync(url, http, tls), await ProbeAsync(url, http, tls) };
            Assert.All(results, r => Assert.Equal(Outcome.Degraded, r.Outcome));
            Assert.Null(results[1].TlsUs);
        }
        await using var renewed = await StartAsync(c => c.Response.WriteAsync("ok"), https => https.ServerCertificate = Authority.Server, new Uri(url).Port);
        foreach (var result in new[] { await ProbeAsync(url, http, tls), await ProbeAsync(url, http, tls) })
            Assert.Equal((Outcome.Up, new DateTimeOffset(Authority.Server.NotAfter).ToUnixTimeMilliseconds()), (result.Outcome, result.TlsExpiresAtMs));
    }

    [Fact]
    public async Task A_client_certificate_is_presented_to_the_targets_own_host_alone()
    {
        var client = Certificates.Make("client");
        var seen = new ConcurrentQueue<string?>();
        await using var other = await StartAsync(c => { seen.Enqueue(c.Connection.ClientCertificate?.Subject); return Task.CompletedTask; }, Ask);
        await using var server = await StartAsync(c => { seen.Enqueue(c.Connection.ClientCertificate?.Subject); c.Response.Redirect(other.Url); return Task.CompletedTask; }, Ask);
        var tls = new TlsOptions { Ca = Secret("ca", Authority.Root.Pem()), ClientCertificate = Secret("client", client.Pem(withKey: true)) };
        Assert.Equal(Outcome.Up, (await ProbeAsync(server.Url, null, tls)).Outcome);
        Assert.Equal(["CN=client", null], seen);
    }

    [Fact]
    public async Task The_way_back_from_another_host_shows_the_client_certificate_again()
    {
        var seen = new ConcurrentQueue<string?>();
        var back = "";
        await using var other = await StartAsync(c => { seen.Enqueue(c.Connection.ClientCertificate?.Subject); c.Response.Redirect(back); return Task.CompletedTask; }, Ask);
        await using var server = await StartAsync(c => { seen.Enqueue(c.Connection.ClientCertificate?.Subject); if (c.Request.Path == "/") c.Response.Redirect(other.Url); return Task.CompletedTask; }, Ask);
        back = server.Url + "there";
        var tls = new TlsOptions { Ca = Secret("ca", Authority.Root.Pem()), ClientCertificate = Secret("client", Certificates.Make("client").Pem(withKey: true)) };
        Assert.Equal(Outcome.Up, (await ProbeAsync(server.Url, null, tls)).Outcome);
        Assert.Equal(["CN=client", null, "CN=client"], seen);
    }

    [Fact]
    public async Task The_name_of_the_server_is_that_of_the_targets_own_host_alone()
    {
        await using var other = await StartAsync(c => c.Response.WriteAsync("ok"), https => https.ServerCertificate = Authority.Server);
        await using var server = await StartAsync(c => { c.Response.Redirect(other.Url); return Task.CompletedTask; }, https => https.ServerCertificate = Certificates.Make("inner.example", from: -5, to: 18, issuer: Authority.Root));
        Assert.Equal(Outcome.Up, (await ProbeAsync(server.Url, null, new() { Ca = Secret("ca", Authority.Root.Pem()), ServerName = "inner.example" })).Outcome);
    }

    // A proxy that connects to what it is asked for.
    private static async Task TunnelAsync(Conversation conversation)
    {
        var authority = (await conversation.RequestAsync()).Split(' ')[1];
        using var target = new TcpClient();
        await target.ConnectAsync(IPAddress.Loopback, int.Parse(authority.Split(':')[1], CultureInfo.InvariantCulture), conversation.Stop);
        await conversation.SayAsync("HTTP/1.1 200 OK\r\n\r\n");
        await Task.WhenAny(conversation.Stream.CopyToAsync(target.GetStream(), conversation.Stop), target.GetStream().CopyToAsync(conversation.Stream, conversation.Stop));
    }

    private static void Ask(HttpsConnectionAdapterOptions https)
    {
        https.ServerCertificate = Authority.Server;
        https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
        https.ClientCertificateValidation = (_, _, _) => true;
    }
}
