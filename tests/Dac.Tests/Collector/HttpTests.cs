using System.Net;
using System.Security.Cryptography.X509Certificates;
using Dac.Collector;
using Dac.Collector.Probing;
using Dac.Contracts;
using Dac.Tests.Collector.Hostile;
using Dac.Tests.Support;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Dac.Tests.Collector;

/// <summary>Probes of HTTP with options, of servers on loopback, with secrets in a folder of the test's own.</summary>
public abstract class HttpTests : IDisposable
{
    private readonly TempFolder _secrets = new();
    private readonly Lazy<IProber> _prober;

    protected HttpTests()
    {
        Settings.SecretsDirectory = _secrets.Path;
        _prober = new(() => Probers.Http(Settings));
    }

    /// <summary>The collector's settings; those that are changed after the first probe take effect with a fresh prober.</summary>
    protected CollectorOptions Settings { get; } = new();

    public void Dispose()
    {
        if (_prober.IsValueCreated)
            ((IDisposable)_prober.Value).Dispose();
        _secrets.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Stores a secret, and returns how a target names it.</summary>
    protected string Secret(string name, string value)
    {
        File.WriteAllText(_secrets.File(name), value);
        return $"file:{name}";
    }

    protected async Task<ProbeResult> ProbeAsync(
        string url, HttpOptions? http = null, TlsOptions? tls = null, NetworkOptions? network = null, string? regex = null, int timeoutMs = 10_000, int? latencyLimitMs = null, bool fresh = false)
    {
        var probe = new ProbeUrl { TargetId = 1, ScheduledAtMs = 0, Url = url, Http = http, Tls = tls, Network = network, Regex = regex, TimeoutMs = timeoutMs, ToleranceMs = 500, LatencyLimitMs = latencyLimitMs };
        var measurement = new Measurement(TimeProvider.System);
        using var timeout = new CancellationTokenSource(timeoutMs);
        await (fresh ? Probers.Http(Settings) : _prober.Value).ProbeAsync(probe, measurement, timeout.Token);
        return measurement.ToResult(probe, 0, ProbeRemarks.None);
    }

    protected static async Task<Server> StartAsync(RequestDelegate answer, Action<HttpsConnectionAdapterOptions>? https = null, int port = 0, IPAddress? address = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(k => k.Listen(address ?? IPAddress.Loopback, port, l =>
        {
            l.Protocols = https is null ? HttpProtocols.Http1 : HttpProtocols.Http1AndHttp2;
            if (https is not null)
                l.UseHttps(https);
        }));
        var app = builder.Build();
        app.Run(answer);
        await app.StartAsync();
        return new Server(app, app.Urls.First().Replace("127.0.0.1", https is null ? "127.0.0.1" : "localhost") + "/");
    }

    protected sealed record Server(WebApplication App, string Url) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => App.DisposeAsync();
    }

    protected static class Authority
    {
        public static readonly X509Certificate2 Root = Certificates.Make("DAC test authority", from: -30, to: 20, authority: true);

        public static readonly X509Certificate2 Server = Certificates.Make("localhost", from: -5, to: 18, issuer: Root);
    }
}
