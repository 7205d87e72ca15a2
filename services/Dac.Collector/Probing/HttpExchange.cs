using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>
/// Requests and answers over connections of its own to one host: a fresh one for each request, or one that is kept. With a client that others share, a
/// request may go out on a connection that was opened for another, and the phases would lie.
/// </summary>
internal abstract class HttpExchange(Connector connector, bool home, ProbeUrl probe, Measurement measurement, CancellationToken timeout) : IDisposable
{
    /// <summary>Largest head of an answer, status line and headers, in kB.</summary>
    public const int MaxHeadKilobytes = 64;

    /// <summary>How long a connection may rest, and how old it may become. Where the name leads to another address by then, so must the connection.</summary>
    public static readonly TimeSpan MaxIdle = TimeSpan.FromMinutes(5), MaxAge = TimeSpan.FromMinutes(10);

    /// <summary>What the prober calls itself.</summary>
    protected internal static readonly string UserAgent = $"DAC/{typeof(HttpExchange).Assembly.GetName().Version!.ToString(2)}";

    private readonly (ProbeUrl Probe, Measurement Measurement) _opened = (probe, measurement);
    private DateTimeOffset? _expires;
    private Uri? _url;

    /// <summary>Makes the connections.</summary>
    protected Connector Connector => connector;

    /// <summary>Whether this is the target's own host, which alone is shown the client certificate.</summary>
    public bool Home => home;

    /// <summary>The URL of its probes, read once.</summary>
    public Uri Url => _url ??= new Uri(_opened.Probe.Url);

    /// <summary>The probe that is under way.</summary>
    protected ProbeUrl Probe { get; private set; } = probe;

    /// <summary>Its measurement.</summary>
    protected Measurement Measurement { get; private set; } = measurement;

    /// <summary>Its end.</summary>
    protected CancellationToken Timeout { get; private set; } = timeout;

    /// <summary>HTTP/1.1 is spoken here, over a socket; whatever else is asked for is left to the framework's client.</summary>
    public static bool IsOverSocket(ProbeUrl probe) => probe.Http is not ({ Version: "2" or "3" } or { Proxy: not null });

    /// <summary>Opens one.</summary>
    public static HttpExchange Open(Connector connector, SecretReader secrets, bool home, ProbeUrl probe, Measurement measurement, CancellationToken timeout) =>
        IsOverSocket(probe)
            ? new SocketExchange(connector, home, probe, measurement, timeout)
            : new HandlerExchange(connector, secrets, home, probe, measurement, timeout);

    /// <summary>Whether the connection that is kept is as this probe wants it.</summary>
    public bool Fits(ProbeUrl probe) =>
        Probe.Url == probe.Url && Probe.Tls == probe.Tls && Probe.Network == probe.Network && probe.Http is { ReuseConnection: true } http
        && (Probe.Http?.Version, Probe.Http?.Proxy, Probe.Http?.ProxyUser, Probe.Http?.ProxyPassword) == (http.Version, http.Proxy, http.ProxyUser, http.ProxyPassword);

    /// <summary>Serves another probe from now on.</summary>
    public void Serve(ProbeUrl probe, Measurement measurement, CancellationToken timeout) => (Probe, Measurement, Timeout) = (probe, measurement, timeout);

    /// <summary>Lets go of the probe that it served: each would grow old with the connection, and be the dearer to collect.</summary>
    public void Rest() => (Probe, Measurement, Timeout) = (_opened.Probe, _opened.Measurement, CancellationToken.None);

    /// <summary>
    /// Tells the probe of the certificate that the connection was opened with, once that has answered: for one that has ended another is opened, whose certificate
    /// may be a new one.
    /// </summary>
    protected void NoteExpiry(Uri url)
    {
        if (url.Scheme != Uri.UriSchemeHttps)
            return;
        // Of a handshake that was the probe's own: whoever goes elsewhere in between comes back with another exchange.
        if (Measurement.TlsExpiresAt is { } seen)
            _expires = seen;
        else if (_expires is { } kept)
            CertificateCheck.NoteExpiry(kept, Probe.Tls, Measurement);
    }

    /// <summary>Sends, and returns when the head of the answer is there.</summary>
    /// <param name="call">What to send.</param>
    /// <param name="maxBody">Largest body, in bytes after decompression.</param>
    public abstract Task<HttpAnswer> SendAsync(HttpCall call, int maxBody);

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>Says that an answer has too many bytes.</summary>
    public static IOException TooLarge(Measurement measurement, bool body)
    {
        measurement.Fail(Outcome.TooLarge, body ? "the body takes more bytes on the wire than it can be worth" : $"the headers are larger than {MaxHeadKilobytes} kB");
        return new IOException("too many bytes");
    }

    /// <summary>Twice the largest body: what takes more is wrapped in chunks, frames or empty blocks that are there to be endless.</summary>
    protected static long MaxOnTheWire(int maxBody) => 2L * maxBody + 64 * 1024;
}
