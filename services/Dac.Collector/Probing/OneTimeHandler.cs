using System.Net.Security;
using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>HTTP for the protocols that ride on it, over one fresh connection of the <see cref="Connector"/>.</summary>
internal static class OneTimeHandler
{
    /// <param name="connector">Makes the connection.</param>
    /// <param name="protocol">Protocol to negotiate; requests and first bytes are lapped where it carries one request at a time.</param>
    /// <param name="maxBytes">Most bytes that are taken off the wire for what is asked for, whatever they are wrapped in.</param>
    /// <param name="probe">The probe.</param>
    /// <param name="measurement">Its measurement.</param>
    /// <param name="timeout">Its end.</param>
    public static SocketsHttpHandler Create(Connector connector, SslApplicationProtocol protocol, long maxBytes, ProbeUrl probe, Measurement measurement, CancellationToken timeout)
    {
        var secure = probe.Url.StartsWith("wss:", StringComparison.OrdinalIgnoreCase) || probe.Url.StartsWith("grpcs:", StringComparison.OrdinalIgnoreCase);
        // With the head of the answer, and what the protocol says by itself.
        var left = maxBytes + (256 * 1024);
        Action? sent = protocol == SslApplicationProtocol.Http11 ? () => measurement.Lap(Phase.Request) : null;
        void Received(int bytes, bool first)
        {
            if (first)
                measurement.Lap(Phase.FirstByte);
            if ((left -= bytes) >= 0)
                return;
            measurement.Fail(Outcome.TooLarge, "the server sends more bytes than what is asked for can be worth");
            throw new IOException("too many bytes");
        }
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
            PlaintextStreamFilter = (context, _) => ValueTask.FromResult<Stream>(new LapStream(context.PlaintextStream, sent, Received)),
        };
    }
}
