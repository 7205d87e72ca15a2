using System.Net;
using Dac.Contracts;
using Dac.Targets;
using Microsoft.Extensions.Options;

namespace Dac.Collector.Probing;

/// <summary>
/// <c>http</c> and <c>https</c> (RFC 9110, 9112, 9113, 9114): a request over a fresh connection, redirects followed (never from https to http), the body
/// decompressed and read to its end or limit. Up is a final status that is accepted, 2xx unless the target says otherwise, where all assertions hold.
/// </summary>
public sealed class HttpProber(Connector connector, SecretReader secrets, BodyMemory memory, ConnectRate rate, IOptions<CollectorOptions> options, TimeProvider time) : IProber, IDisposable
{
    private const int MaxRedirects = 10;

    private readonly HttpConnections _connections = new(options.Value.MaxKeptConnections, time);
    private readonly HttpRequests _requests = new(secrets);
    private readonly HttpChecks _checks = new(new RegexCache());

    /// <summary>Opens an exchange: to the target's own host or not, for a probe. A test puts another in its place.</summary>
    internal Func<bool, ProbeUrl, Measurement, CancellationToken, HttpExchange> Exchange { get; init; } =
        (home, probe, measurement, timeout) => HttpExchange.Open(connector, secrets, home, probe, measurement, timeout);

    /// <inheritdoc/>
    public IReadOnlyList<string> Schemes => ["http", "https"];

    /// <inheritdoc/>
    public bool StartsAtOnce(ProbeUrl probe) => HttpExchange.IsOverSocket(probe) && !SecretReader.IsAskedBy(probe);

    /// <inheritdoc/>
    public async Task ProbeAsync(ProbeUrl probe, Measurement measurement, CancellationToken timeout)
    {
        HttpExchange? exchange = null;
        try
        {
            exchange = _connections.Take(probe);
            var call = _requests.First(probe, exchange?.Url ?? new Uri(probe.Url));
            CheckProxy(probe, call.Url, measurement);
            if (exchange is null)
                exchange = Exchange(true, probe, measurement, timeout);
            else
                exchange.Serve(probe, measurement, timeout);
            for (var redirects = 0; ; redirects++)
            {
                using var answer = await exchange.SendAsync(call, MaxBody(probe));
                measurement.StatusCode = (short)answer.Status;
                string? unfollowed = null;
                var final = IsFinal(probe, answer);
                // This may be the thread that sees what arrives on all sockets (inline completions), and what is secret is read again for the next request.
                if (!final && SecretReader.IsAskedBy(probe))
                    await Task.Yield();
                var next = final ? null : _requests.Next(probe, call, answer, out unfollowed);
                if (next is null)
                {
                    await FinishAsync(probe, answer, unfollowed, measurement, timeout);
                    break;
                }
                measurement.Lap(Phase.Transfer);
                if (redirects == (probe.Http?.MaxRedirects ?? MaxRedirects))
                {
                    measurement.Fail(Outcome.TooManyRedirects, $"more than {redirects} redirects");
                    return;
                }
                exchange = await FollowAsync(exchange, probe, call = next.Value, measurement, timeout);
            }
            if (probe.Http?.ReuseConnection == true && HttpRequests.IsHome(probe, call.Url))
            {
                _connections.Keep(probe, exchange);
                exchange = null;
            }
        }
        catch (Exception e) when (ProbeFailure.Note(e, probe, measurement, timeout))
        {
            // It stands in the measurement.
        }
        finally
        {
            exchange?.Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _connections.Dispose();

    // A redirect that is asked for by its number is what the target wants to see.
    private static bool IsFinal(ProbeUrl probe, HttpAnswer answer) => answer.Status is < 300 or >= 400 || (probe.Http?.Status is { } status && StatusList.Of(status).Accepts(answer.Status));

    private int MaxBody(ProbeUrl probe) => Math.Min(options.Value.MaxBodyBytes, probe.Http?.MaxBytes ?? int.MaxValue);

    private async Task FinishAsync(ProbeUrl probe, HttpAnswer answer, string? unfollowed, Measurement measurement, CancellationToken timeout)
    {
        // This may be the thread that sees what arrives on all sockets (inline completions), and an expression may take its time.
        if (HttpChecks.AskHead(probe))
            await Task.Yield();
        _checks.Head(probe, answer, unfollowed, measurement);
        using var share = HttpChecks.AskBody(probe) ? memory.Take() : null;
        if (await HttpBody.ReadAsync(answer, measurement, MaxBody(probe), share, timeout) is not { } body)
            return;
        // Likewise.
        await Task.Yield();
        _checks.Body(probe, body, measurement);
    }

    private async Task<HttpExchange> FollowAsync(HttpExchange exchange, ProbeUrl probe, HttpCall call, Measurement measurement, CancellationToken timeout)
    {
        measurement.Details?.Redirects.Add(call.Url.AbsoluteUri);
        CheckProxy(probe, call.Url, measurement);
        // A target can't be used to send many collectors' connections to a third. Only so long as the probe has time left: the wait is no fault of the target's.
        if (rate.Next(call.Url.AbsoluteUri, TimeSpan.FromMilliseconds(probe.TimeoutMs) - measurement.Elapsed) is not { } wait)
        {
            measurement.Fail(Outcome.ResourceFault, $"the connections per second to {call.Url.Authority} are used up (Collector:MaxConnectsPerSecond)");
            throw new HttpRequestException("no turn");
        }
        if (wait > TimeSpan.Zero)
        {
            measurement.Saturated = true;
            await Task.Delay(wait, timeout);
        }
        var home = HttpRequests.IsHome(probe, call.Url);
        // Also on the way back: one that was opened for another host shows no client certificate.
        if (home && exchange.Home)
            return exchange;
        exchange.Dispose();
        return Exchange(home, probe, measurement, timeout);
    }

    // Behind a proxy no address is seen but the one that stands in the URL.
    private void CheckProxy(ProbeUrl probe, Uri url, Measurement measurement)
    {
        if (probe.Http?.Proxy is null)
            return;
        if (!connector.Guard.AllowsProxies)
            measurement.Fail(Outcome.Denied, "this collector lets no target use a proxy (Collector:MultiTenant)");
        else if (IPAddress.TryParse(url.IdnHost, out var address) && connector.Guard.Denies(address, url.Port))
            measurement.Fail(Outcome.Denied, $"{address} is an address that this collector may not connect to (Collector:DeniedNetworks)");
        else
            return;
        throw new HttpRequestException("denied");
    }
}
