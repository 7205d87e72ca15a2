using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Dac.Tests.Collector;

/// <summary>Servers on loopback for one test: a web server with or without TLS, or a socket that says what it is told to.</summary>
public static class TestServer
{
    public static async Task<(string Url, IAsyncDisposable Server)> HttpAsync(RequestDelegate answer, X509Certificate2? certificate = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0, l =>
        {
            l.Protocols = HttpProtocols.Http1;
            if (certificate is not null)
                l.UseHttps(certificate);
        }));
        var app = builder.Build();
        app.Run(answer);
        await app.StartAsync();
        return (app.Urls.First().Replace("127.0.0.1", certificate is null ? "127.0.0.1" : "localhost"), app);
    }

    /// <summary>Reads a request, sends <paramref name="answer"/>, and closes or, where told to, resets.</summary>
    public static (string Url, IDisposable Server) Raw(string answer, bool reset = false)
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        _ = AcceptAsync();
        return ($"http://{listener.LocalEndpoint}/", listener);

        async Task AcceptAsync()
        {
            try
            {
                while (true)
                {
                    using var socket = await listener.AcceptSocketAsync();
                    _ = await socket.ReceiveAsync(new byte[4096]);
                    if (answer.Length > 0)
                        await socket.SendAsync(Encoding.Latin1.GetBytes(answer));
                    if (reset)
                        socket.LingerState = new LingerOption(true, 0);
                }
            }
            catch (SocketException)
            {
                // The test has stopped the listener.
            }
            catch (ObjectDisposedException)
            {
                // Likewise.
            }
        }
    }

    /// <summary>Accepts connections and says nothing.</summary>
    public static (string Url, IDisposable Server) Silent()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ($"http://{listener.LocalEndpoint}/", listener);
    }

    /// <summary>A URL of a port that nobody listens on.</summary>
    public static string Closed()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return $"http://{listener.LocalEndpoint}/";
    }

    public static X509Certificate2 Certificate(string host, DateTimeOffset notAfter)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={host}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(host);
        request.CertificateExtensions.Add(names.Build());
        using var made = request.CreateSelfSigned(notAfter.AddDays(-30), notAfter);
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }
}
