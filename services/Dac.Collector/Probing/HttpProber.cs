using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using Dac.Contracts;
using Microsoft.Extensions.Options;

namespace Dac.Collector.Probing;

/// <summary>
/// <c>http</c> and <c>https</c>: one GET over a fresh connection (RFC 9110, RFC 9112), redirects followed (10 at most, never from https to http), the body
/// decompressed and read to its end or limit. Up is a final status of 2xx and, where there is a regex, a match.
/// </summary>
public sealed class HttpProber(Connector connector, IOptions<CollectorOptions> options) : IProber
{
    private static readonly ProductInfoHeaderValue UserAgent = new("DAC", typeof(HttpProber).Assembly.GetName().Version!.ToString(2));

    private readonly RegexCache _regexes = new();

    /// <inheritdoc/>
    public IReadOnlyList<string> Schemes => ["http", "https"];

    /// <inheritdoc/>
    public async Task ProbeAsync(ProbeUrl probe, Measurement measurement, CancellationToken timeout)
    {
        try
        {
            using var handler = Handler(probe, measurement, timeout);
            using var client = new HttpMessageInvoker(handler);
            using var request = new HttpRequestMessage(HttpMethod.Get, probe.Url) { Version = HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
            request.Headers.UserAgent.Add(UserAgent);
            request.Headers.Accept.ParseAdd("*/*");
            // The server closes, so that it and not the collector keeps the port in TIME_WAIT.
            request.Headers.ConnectionClose = true;
            using var response = await client.SendAsync(request, timeout);
            measurement.StatusCode = (short)response.StatusCode;
            if (!response.IsSuccessStatusCode)
                measurement.Fail(Outcome.BadStatus, $"status {(int)response.StatusCode} {response.ReasonPhrase}, accepted is 2xx");
            var body = await HttpBody.ReadAsync(response, measurement, options.Value.MaxBodyBytes, keep: probe.Regex is not null, timeout);
            measurement.Lap(Phase.Transfer);
            if (probe.Regex is not null && body is not null)
                _regexes.Match(probe.Regex, body, measurement);
        }
        catch (Exception e) when (ProbeFailure.Note(e, probe, measurement, timeout))
        {
            // It stands in the measurement.
        }
    }

    // One handler for one probe: with a shared one, a request may go out on a connection that was opened for another, and the phases would lie.
    private SocketsHttpHandler Handler(ProbeUrl probe, Measurement measurement, CancellationToken timeout)
    {
        var connected = false;
        return new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = true,
            MaxAutomaticRedirections = 10,
            AutomaticDecompression = DecompressionMethods.All,
            MaxResponseHeadersLength = 64,
            ConnectTimeout = Timeout.InfiniteTimeSpan,
            ActivityHeadersPropagator = null,
            // The probe's own token: the handler's would let a connect go on for 5 s after the probe has ended.
            ConnectCallback = async (context, _) =>
            {
                // What came in before belongs to the transfer of the redirect.
                if (connected)
                    measurement.Lap(Phase.Transfer);
                else
                    measurement.Begin();
                connected = true;
                var (host, port) = (context.DnsEndPoint.Host, context.DnsEndPoint.Port);
                var stream = await connector.ConnectAsync(host, port, probe, measurement, timeout);
                return context.InitialRequestMessage.RequestUri!.Scheme == Uri.UriSchemeHttps ? await connector.SecureAsync(stream, host, probe, measurement, timeout, SslApplicationProtocol.Http11) : stream;
            },
            PlaintextStreamFilter = (context, _) => ValueTask.FromResult<Stream>(new LapStream(context.PlaintextStream, measurement)),
        };
    }
}
