using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Dac.Collector.Probing;
using Dac.Contracts;

namespace Dac.Standalone.Commands;

/// <summary>
/// The first probe of a process pays for having its code compiled, up to some hundred ms. So one goes to a socket on loopback first, which the target never sees:
/// through name, guard, connection, TLS and, where the socket's one answer will do, the protocol.
/// </summary>
internal static class ProbeWarmUp
{
    private static readonly byte[] Answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"u8.ToArray();

    public static async Task RunAsync(IProber prober, ProbeUrl probe, TimeProvider time)
    {
        var url = new Uri(probe.Url);
        if (url.Scheme is "icmp" or "dns")
        {
            await TryAsync(prober, probe with { Url = url.Scheme == "dns" ? "dns://127.0.0.1:9/warm.invalid" : "icmp://127.0.0.1", Network = null, Dns = null, TimeoutMs = 50 }, time);
            return;
        }
        using var certificate = Certificate();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var serving = ServeAsync(listener, url.Scheme is "https" or "tls" or "wss" or "grpcs" ? certificate : null);
        var http = url.Scheme is "http" or "https";
        var warm = new ProbeUrl
        {
            TargetId = 0,
            ScheduledAtMs = 0,
            Url = $"{url.Scheme}://{listener.LocalEndpoint}",
            TimeoutMs = 1_000,
            ToleranceMs = 0,
            Tls = new() { SkipVerify = true },
            // The expressions too are compiled once, as in a collector that runs.
            Regex = http ? probe.Regex : null,
            Http = http && probe.Http is { } asked ? new() { Json = asked.Json, BodyMatches = asked.BodyMatches, BodyForbids = asked.BodyForbids } : null,
        };
        await TryAsync(prober, warm, time);
        listener.Stop();
        await serving;
    }

    // What becomes of it is of no interest: where loopback is denied, the first numbers are a little higher.
    private static async Task TryAsync(IProber prober, ProbeUrl probe, TimeProvider time)
    {
        using var timeout = new CancellationTokenSource(probe.TimeoutMs);
        await prober.ProbeAsync(probe, new Measurement(time) { Details = new ProbeDetails() }, timeout.Token);
    }

    private static async Task ServeAsync(TcpListener listener, X509Certificate2? certificate)
    {
        try
        {
            await using var stream = new NetworkStream(await listener.AcceptSocketAsync(), ownsSocket: true);
            await using var tls = certificate is null ? null : new SslStream(stream);
            if (tls is not null)
                await tls.AuthenticateAsServerAsync(certificate!);
            Stream plain = tls is null ? stream : tls;
            if (await plain.ReadAsync(new byte[4_096]) > 0)
                await plain.WriteAsync(Answer);
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or System.Security.Authentication.AuthenticationException)
        {
            // Stopped, or given up by the probe.
        }
    }

    private static X509Certificate2 Certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        using var made = new CertificateRequest("CN=warm.invalid", key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }
}
