using System.Net.Security;
using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>HTTP for the protocols that ride on it, over one fresh connection of the <see cref="Connector"/>.</summary>
internal static class OneTimeHandler
{
    public static SocketsHttpHandler Create(Connector connector, SslApplicationProtocol protocol, ProbeUrl probe, Measurement measurement, CancellationToken timeout)
    {
        var secure = probe.Url.StartsWith("wss:", StringComparison.OrdinalIgnoreCase) || probe.Url.StartsWith("grpcs:", StringComparison.OrdinalIgnoreCase);
        return new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            MaxResponseHeadersLength = 64,
            ConnectTimeout = Timeout.InfiniteTimeSpan,
            ActivityHeadersPropagator = null,
            // The probe's own token: the handler's would let a connect go on after the probe has ended.
            ConnectCallback = async (context, _) =>
            {
                measurement.Begin();
                var host = context.DnsEndPoint.Host;
                var stream = await connector.ConnectAsync(host, context.DnsEndPoint.Port, probe, measurement, timeout);
                return secure ? await connector.SecureAsync(stream, host, probe, measurement, timeout, protocol) : stream;
            },
        };
    }
}
