using System.Net;
using System.Net.Sockets;
using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>
/// <c>icmp://host</c>: one echo (RFC 792, RFC 4443). Up is its reply; the round trip stands in the phase <c>first byte</c>. Where this process may open neither a ping
/// socket nor a raw one, that is the collector's own trouble: <see cref="Outcome.ResourceFault"/>.
/// </summary>
public sealed class IcmpProber(Connector connector) : IProber, IDisposable
{
    private const int PayloadBytes = 56;

    private readonly Lock _lock = new();
    private readonly Dictionary<(AddressFamily Family, bool DontFragment), IcmpSocket> _sockets = [];

    /// <inheritdoc/>
    public IReadOnlyList<string> Schemes => ["icmp"];

    /// <inheritdoc/>
    public async Task ProbeAsync(ProbeUrl probe, Measurement measurement, CancellationToken timeout)
    {
        try
        {
            var addresses = await connector.AddressesAsync(new Uri(probe.Url).IdnHost, 0, probe.Network, measurement, timeout);
            var payload = probe.Icmp?.PayloadBytes ?? PayloadBytes;
            for (var i = 0; ; i++)
            {
                try
                {
                    await EchoAsync(addresses[i].IsIPv4MappedToIPv6 ? addresses[i].MapToIPv4() : addresses[i], payload, probe.Icmp?.DontFragment == true, measurement, timeout);
                    return;
                }
                catch (SocketException e) when (ProbeFailure.IsObservers(e) && i + 1 < addresses.Length)
                {
                    // A collector without IPv6 has no route to the first address; the echo goes to the next.
                }
            }
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.MessageSize)
        {
            measurement.Fail(Outcome.ConnectFailed, "the packet is too large for the path");
        }
        catch (Exception e) when (ProbeFailure.Note(e, probe, measurement, timeout))
        {
            // It stands in the measurement.
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var socket in _sockets.Values)
                socket.Dispose();
            _sockets.Clear();
        }
    }

    private async Task EchoAsync(IPAddress address, int payload, bool dontFragment, Measurement measurement, CancellationToken timeout)
    {
        if (Socket(address.AddressFamily, dontFragment, measurement) is not { } socket)
            return;
        if (measurement.Details is { } details)
            details.Address = $"{address}";
        if (await socket.EchoAsync(address, payload, measurement, timeout) is { } refusal)
            measurement.Fail(Outcome.ConnectFailed, refusal);
        else
            measurement.Bytes = payload;
    }

    private IcmpSocket? Socket(AddressFamily family, bool dontFragment, Measurement measurement)
    {
        lock (_lock)
        {
            if (_sockets.TryGetValue((family, dontFragment), out var socket) && !socket.Closed)
                return socket;
            try
            {
                socket?.Dispose();
                return _sockets[(family, dontFragment)] = IcmpSocket.Open(family, dontFragment);
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.AccessDenied)
            {
                measurement.Fail(Outcome.ResourceFault, "the collector may not send ICMP: let its group into net.ipv4.ping_group_range, or give it the capability CAP_NET_RAW");
                return null;
            }
        }
    }
}
