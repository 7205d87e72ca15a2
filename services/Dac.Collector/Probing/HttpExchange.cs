using System.Net;
using System.Net.Http.Headers;
using System.Net.Quic;
using System.Net.Security;
using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>
/// Requests and answers over connections of its own to one host: a fresh one for each request, or one that is kept. With a client that others share, a
/// request may go out on a connection that was opened for another, and the phases would lie.
/// </summary>
internal sealed class HttpExchange : IDisposable
{
    /// <summary>Largest head of an answer, status line and headers, in kB.</summary>
    public const int MaxHeadKilobytes = 64;

    private static readonly ProductInfoHeaderValue UserAgent = new("DAC", typeof(HttpExchange).Assembly.GetName().Version!.ToString(2));

    private readonly Connector _connector;
    private readonly bool _home;
    private readonly SocketsHttpHandler _handler;
    private readonly HttpMessageInvoker _client;

    // Of the probe that is under way.
    private ProbeUrl _probe;
    private Measurement _measurement;
    private CancellationToken _timeout;
    private DateTimeOffset? _expires;
    private long _received;
    private long _limit;

    /// <param name="connector">Makes the connections.</param>
    /// <param name="secrets">Has the proxy's password.</param>
    /// <param name="home">Whether this is the target's own host, which alone is shown the client certificate.</param>
    /// <param name="probe">The first probe.</param>
    /// <param name="measurement">Its measurement.</param>
    /// <param name="timeout">Its end.</param>
    public HttpExchange(Connector connector, SecretReader secrets, bool home, ProbeUrl probe, Measurement measurement, CancellationToken timeout)
    {
        (_connector, _home, _probe, _measurement, _timeout) = (connector, home, probe, measurement, timeout);
        _handler = new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            MaxResponseHeadersLength = MaxHeadKilobytes,
            // What is left of a body when the probe has ended is of no use.
            MaxResponseDrainSize = 0,
            // None is kept, also where the server ignores that it was asked to close.
            PooledConnectionLifetime = TimeSpan.Zero,
            ConnectTimeout = Timeout.InfiniteTimeSpan,
            ActivityHeadersPropagator = null,
            ConnectCallback = (context, _) => ConnectAsync(context),
            PlaintextStreamFilter = (context, _) => ValueTask.FromResult<Stream>(Filter(context)),
        };
        if (probe.Http is { } http)
            Configure(http, secrets);
        _client = new HttpMessageInvoker(_handler);
    }

    /// <summary>Whether the connection that is kept is as this probe wants it.</summary>
    public bool Fits(ProbeUrl probe) =>
        _probe.Url == probe.Url && _probe.Tls == probe.Tls && _probe.Network == probe.Network && probe.Http is { ReuseConnection: true } http
        && (_probe.Http?.Version, _probe.Http?.Proxy, _probe.Http?.ProxyUser, _probe.Http?.ProxyPassword) == (http.Version, http.Proxy, http.ProxyUser, http.ProxyPassword);

    /// <summary>Serves another probe from now on.</summary>
    public void Serve(ProbeUrl probe, Measurement measurement, CancellationToken timeout)
    {
        (_probe, _measurement, _timeout) = (probe, measurement, timeout);
        measurement.TlsExpiresAt = _expires;
    }

    /// <summary>Sends, and returns when the head of the answer is there.</summary>
    /// <param name="call">What to send.</param>
    /// <param name="maxBody">Largest body, in bytes after decompression.</param>
    public async Task<HttpAnswer> SendAsync(HttpCall call, int maxBody)
    {
        _received = 0;
        // Up to the end of the head, with what may be read along with it.
        _limit = 2 * MaxHeadKilobytes * 1024;
        _measurement.Begin();
        using var request = await RequestAsync(call);
        var response = await _client.SendAsync(request, _timeout);
        if (_probe.Http?.Version is "2" or "3")
            _measurement.Lap(Phase.FirstByte);
        // A body is never worth more than a few times its size on the wire, whatever chunks, frames or empty blocks it is wrapped in.
        _limit = _received + 8L * maxBody + 64 * 1024;
        _expires = _measurement.TlsExpiresAt;
        if (_measurement.Details is { } details)
            details.Protocol = $"HTTP/{response.Version}";
        return new HttpAnswer(response);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _client.Dispose();
        _handler.Dispose();
    }

    /// <summary>Laps the request.</summary>
    private void Sent() => _measurement.Lap(Phase.Request);

    /// <summary>Laps the first byte of an answer, and ends an answer that has too many bytes on the wire.</summary>
    private void Received(int bytes, bool first)
    {
        if (first)
            _measurement.Lap(Phase.FirstByte);
        if ((_received += bytes) <= _limit)
            return;
        _measurement.Fail(Outcome.TooLarge, _limit == 2 * MaxHeadKilobytes * 1024
            ? $"the headers are larger than {MaxHeadKilobytes} kB"
            : "the body takes more bytes on the wire than it can be worth");
        throw new IOException("too many bytes");
    }

    private void Configure(HttpOptions http, SecretReader secrets)
    {
        if (http.Version == "3")
            _handler.SslOptions = _connector.Handshake(new Uri(_probe.Url).IdnHost, _probe.Tls, _measurement, null, _home);
        // Requests share one connection there, which this exchange has to itself.
        if (http.Version is "2" or "3")
            _handler.PooledConnectionLifetime = Timeout.InfiniteTimeSpan;
        if (http.ReuseConnection == true)
        {
            _handler.PooledConnectionIdleTimeout = TimeSpan.FromMinutes(5);
            // Where the name leads to another address by then, so must the connection.
            _handler.PooledConnectionLifetime = TimeSpan.FromMinutes(10);
        }
        if (http.Proxy is not { } proxy)
            return;
        _handler.UseProxy = true;
        _handler.Proxy = new WebProxy(proxy) { Credentials = http is { ProxyUser: { } user, ProxyPassword: { } password } ? new NetworkCredential(user, secrets.ReadHeader(password)) : null };
        _handler.SslOptions = _connector.Handshake(new Uri(_probe.Url).IdnHost, _probe.Tls, _measurement, null, _home);
    }

    // The probe's own token: the handler's would let a connect go on for 5 s after the probe has ended.
    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context)
    {
        _measurement.Begin();
        var (host, port) = (context.DnsEndPoint.Host, context.DnsEndPoint.Port);
        var stream = await _connector.ConnectAsync(host, port, _probe, _measurement, _timeout);
        // Behind a proxy the handshake comes after its consent.
        return context.InitialRequestMessage.RequestUri!.Scheme == Uri.UriSchemeHttps && !_handler.UseProxy
            ? await _connector.SecureAsync(stream, host, _probe, _measurement, _timeout, _probe.Http?.Version == "2" ? SslApplicationProtocol.Http2 : SslApplicationProtocol.Http11, _home)
            : stream;
    }

    private LapStream Filter(SocketsHttpPlaintextStreamFilterContext context)
    {
        if (_handler.UseProxy && context.InitialRequestMessage.RequestUri!.Scheme == Uri.UriSchemeHttps)
            _measurement.Lap(Phase.Tls);
        return new LapStream(context.PlaintextStream, _probe.Http?.Version == "2" ? null : Sent, Received);
    }

    private async Task<HttpRequestMessage> RequestAsync(HttpCall call)
    {
        var http = _probe.Http;
        var request = new HttpRequestMessage(call.Method == "GET" ? HttpMethod.Get : new HttpMethod(call.Method), call.Url)
        {
            Version = http?.Version switch { "2" => HttpVersion.Version20, "3" => HttpVersion.Version30, _ => HttpVersion.Version11 },
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        if (call.Body is { } body)
            request.Content = new StringContent(body);
        foreach (var (name, value) in call.Headers ?? [])
        {
            if (request.Headers.TryAddWithoutValidation(name, value))
                continue;
            request.Content ??= new ByteArrayContent([]);
            request.Content.Headers.Remove(name);
            request.Content.Headers.TryAddWithoutValidation(name, value);
        }
        if (call.Headers is null || !request.Headers.NonValidated.Contains("User-Agent"))
            request.Headers.UserAgent.Add(UserAgent);
        if (call.Headers is null || !request.Headers.NonValidated.Contains("Accept"))
            request.Headers.TryAddWithoutValidation("Accept", "*/*");
        if (http?.Compression != false && (call.Headers is null || !request.Headers.NonValidated.Contains("Accept-Encoding")))
            request.Headers.TryAddWithoutValidation("Accept-Encoding", "gzip, br, deflate");
        // The server closes, so that it and not the collector keeps the port in TIME_WAIT.
        if (http?.ReuseConnection != true)
            request.Headers.ConnectionClose = true;
        if (http?.Version == "3")
            await AimAsync(request);
        return request;
    }

    // QUIC connects by itself, where no guard stands: it is given an address that has passed.
    private async Task AimAsync(HttpRequestMessage request)
    {
        if (!(OperatingSystem.IsLinux() || OperatingSystem.IsWindows() || OperatingSystem.IsMacOS()) || !QuicConnection.IsSupported)
        {
            _measurement.Fail(Outcome.Unprobeable, "this collector has no QUIC, which HTTP/3 needs: install libmsquic where it runs");
            throw new HttpRequestException("no QUIC");
        }
        var url = request.RequestUri!;
        var addresses = await _connector.AddressesAsync(url.IdnHost, url.Port, _probe.Network, _measurement, _timeout);
        if (!request.Headers.NonValidated.Contains("Host"))
            request.Headers.Host = url.IsDefaultPort ? url.IdnHost : $"{url.IdnHost}:{url.Port}";
        request.RequestUri = new UriBuilder(url) { Host = addresses[0].ToString() }.Uri;
    }
}
