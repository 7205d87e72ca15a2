using System.Net;
using System.Net.Sockets;
using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>From a name to a connection: all addresses are tried in the order that the resolver gives them.</summary>
internal static class HttpConnect
{
    /// <summary>Names looked up at once: on Linux each holds a thread until the resolver answers, and can't be cancelled.</summary>
    public const int MaxLookups = 128;

    private static readonly SemaphoreSlim Lookups = new(MaxLookups);

    /// <summary>Connects, and laps resolve and connect.</summary>
    /// <exception cref="SocketException">No address took the connection: the target's own refusal, where one of them gave one.</exception>
    public static async Task<Stream> ConnectAsync(DnsEndPoint endPoint, EgressGuard guard, Measurement measurement, CancellationToken cancellationToken)
    {
        var addresses = IPAddress.TryParse(endPoint.Host, out var literal) ? [literal] : await ResolveAsync(endPoint.Host, measurement, cancellationToken);
        measurement.Lap(Phase.Resolve);
        SocketException? failure = null;
        foreach (var address in addresses.Where(a => !guard.Denies(a)))
        {
            Socket? socket = null;
            try
            {
                socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                await socket.ConnectAsync(address, endPoint.Port, cancellationToken);
                measurement.Lap(Phase.Connect);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException e)
            {
                socket?.Dispose();
                // A collector without IPv6 has no route to the second address of a target that refuses at its first: that is the target's refusal.
                if (failure is null || HttpFailure.IsObservers(failure))
                    failure = e;
            }
            catch
            {
                socket?.Dispose();
                throw;
            }
        }
        if (failure is null && addresses.Length > 0)
            measurement.Fail(Outcome.Denied, $"{string.Join(", ", addresses.Select(a => a.ToString()))} is an address that this collector may not connect to (Collector:DeniedNetworks)");
        throw failure ?? new SocketException((int)SocketError.AccessDenied);
    }

    private static async Task<IPAddress[]> ResolveAsync(string host, Measurement measurement, CancellationToken cancellationToken)
    {
        measurement.Resolving = true;
        await Lookups.WaitAsync(cancellationToken);
        // The place is the thread's: it is given back when the resolver has answered, however long ago the probe has ended.
        var lookup = Dns.GetHostAddressesAsync(host, CancellationToken.None);
        _ = lookup.ContinueWith(l => { _ = l.Exception; Lookups.Release(); }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        try
        {
            var addresses = await lookup.WaitAsync(cancellationToken);
            measurement.Resolving = false;
            return addresses;
        }
        catch (SocketException e)
        {
            measurement.Resolving = false;
            var (outcome, error) = HttpFailure.Resolving(e, host);
            measurement.Fail(outcome, error);
            throw;
        }
    }
}
