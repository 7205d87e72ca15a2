using System.Net;
using System.Net.Quic;
using System.Net.Security;
using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>HTTP/2, HTTP/3 and proxies, by <see cref="SocketsHttpHandler"/>, over connections of its own.</summary>
internal sealed class HandlerExchange : HttpExchange
{
    private readonly SocketsHttpHandler _handler;
    private readonly HttpMessageInvoker _client;
    private long _received;
    private long _limit;

    /// <param name="connector">Makes the connections.</param>
    /// <param name="secrets">Has the proxy's password.</param>
    /// <param name="home">Whether this is the target's own host, which alone is shown the client certificate.</param>
    /// <param name="probe">The first probe.</param>
    /// <param name="measurement">Its measurement.</param>
    /// <param name="timeout">Its end.</param>
    public HandlerExchange(Connector connector, SecretReader secrets, bool home, ProbeUrl probe, Measurement measurement, CancellationToken timeout)
        : base(connector, home, probe, measurement, timeout)
    {
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
            ConnectTimeout = System.Threading.Timeout.InfiniteTimeSpan,
            ActivityHeadersPropagator = null,
            ConnectCallback = (context, _) => ConnectAsync(context),
            PlaintextStreamFilter = (context, _) => ValueTask.FromResult<Stream>(Filter(context)),
        };
        if (probe.Http is { } http)
            Configure(http, secrets);
        _client = new HttpMessageInvoker(_handler);
    }

    /// <inheritdoc/>
    public override async Task<HttpAnswer> SendAsync(HttpCall call, int maxBody)
    {
        _received = 0;
        // Up to the end of the head, with what may be read along with it.
        _limit = 2 * MaxHeadKilobytes * 1024;
        Measurement.Begin();
        using var request = await RequestAsync(call);
        var response = await _client.SendAsync(request, Timeout);
        NoteExpiry(call.Url);
        if (Probe.Http?.Version is "2" or "3")
            Measurement.Lap(Phase.FirstByte);
        _limit = _received + MaxOnTheWire(maxBody);
        if (Measurement.Details is { } details)
            details.Protocol = $"HTTP/{response.Version}";
        return new Answer(response);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _client.Dispose();
        _handler.Dispose();
    }

    /// <summary>Laps the request.</summary>
    private void Sent() => Measurement.Lap(Phase.Request);

    /// <summary>Laps the first byte of an answer, and ends an answer that has too many bytes on the wire.</summary>
    private void Received(int bytes, bool first)
    {
        if (first)
            Measurement.Lap(Phase.FirstByte);
        if ((_received += bytes) <= _limit)
            return;
        throw TooLarge(Measurement, body: _limit != 2 * MaxHeadKilobytes * 1024);
    }

    private void Configure(HttpOptions http, SecretReader secrets)
    {
        if (http.Version == "3")
            _handler.SslOptions = Handshake();
        // Requests share one connection there, which this exchange has to itself.
        if (http.Version is "2" or "3")
            _handler.PooledConnectionLifetime = System.Threading.Timeout.InfiniteTimeSpan;
        if (http.ReuseConnection == true)
        {
            _handler.PooledConnectionIdleTimeout = MaxIdle;
            _handler.PooledConnectionLifetime = MaxAge;
        }
        if (http.Proxy is not { } proxy)
            return;
        _handler.UseProxy = true;
        _handler.Proxy = new WebProxy(proxy) { Credentials = http is { ProxyUser: { } user, ProxyPassword: { } password } ? new NetworkCredential(user, secrets.ReadHeader(password)) : null };
        _handler.SslOptions = Handshake();
    }

    // Where the handler shakes hands by itself: for whichever probe is under way by then.
    private SslClientAuthenticationOptions Handshake() => Connector.Handshake(new Uri(Probe.Url).IdnHost, Probe.Tls, () => Measurement, null, Home);

    // The probe's own token: the handler's would let a connect go on for 5 s after the probe has ended.
    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context)
    {
        Measurement.Begin();
        var (host, port) = (context.DnsEndPoint.Host, context.DnsEndPoint.Port);
        var stream = await Connector.ConnectAsync(host, port, Probe, Measurement, Timeout);
        // Behind a proxy the handshake comes after its consent.
        return context.InitialRequestMessage.RequestUri!.Scheme == Uri.UriSchemeHttps && !_handler.UseProxy
            ? await Connector.SecureAsync(stream, host, Probe, Measurement, Timeout, Probe.Http?.Version == "2" ? SslApplicationProtocol.Http2 : SslApplicationProtocol.Http11, Home)
            : stream;
    }

    private LapStream Filter(SocketsHttpPlaintextStreamFilterContext context)
    {
        if (_handler.UseProxy && context.InitialRequestMessage.RequestUri!.Scheme == Uri.UriSchemeHttps)
            Measurement.Lap(Phase.Tls);
        return new LapStream(context.PlaintextStream, Probe.Http?.Version == "2" ? null : Sent, Received);
    }

    private async Task<HttpRequestMessage> RequestAsync(HttpCall call)
    {
        var http = Probe.Http;
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
            request.Headers.TryAddWithoutValidation("User-Agent", UserAgent);
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
            Measurement.Fail(Outcome.Unprobeable, "this collector has no QUIC, which HTTP/3 needs: install libmsquic where it runs");
            throw new HttpRequestException("no QUIC");
        }
        var url = request.RequestUri!;
        var addresses = await Connector.AddressesAsync(url.IdnHost, url.Port, Probe.Network, Measurement, Timeout);
        if (!request.Headers.NonValidated.Contains("Host"))
            request.Headers.Host = url.IsDefaultPort ? url.IdnHost : $"{url.IdnHost}:{url.Port}";
        request.RequestUri = new UriBuilder(url) { Host = addresses[0].ToString() }.Uri;
    }

    private sealed class Answer(HttpResponseMessage response) : HttpAnswer
    {
        public override int Status => (int)response.StatusCode;

        public override string? Reason => response.ReasonPhrase;

        public override string? Header(string name) =>
            response.Headers.NonValidated.TryGetValues(name, out var values) || response.Content.Headers.NonValidated.TryGetValues(name, out values) ? values.ToString() : null;

        public override ValueTask<Stream> BodyAsync(CancellationToken timeout) => new(response.Content.ReadAsStreamAsync(timeout));

        public override void Dispose() => response.Dispose();
    }
}
