using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>
/// The way from a name to a connection, for every prober: resolve, egress guard, connect to one address after the other, TLS with full verification. Each
/// step laps its phase where it ends.
/// </summary>
public sealed class Connector(EgressGuard guard, NameResolver resolver, SecretReader secrets)
{
    private readonly CertificateCheck _certificates = new();

    /// <summary>The guard, for connections that are made elsewhere.</summary>
    public EgressGuard Guard => guard;

    /// <summary>Resolves and connects over TCP.</summary>
    /// <exception cref="SocketException">No address took the connection: the target's own refusal, where one of them gave one.</exception>
    public async Task<NetworkStream> ConnectAsync(string host, int port, ProbeUrl probe, Measurement measurement, CancellationToken timeout)
    {
        var addresses = await AddressesAsync(host, port, probe.Network, measurement, timeout);
        SocketException? failure = null;
        for (var i = 0; i < addresses.Length; i++)
        {
            Socket? socket = null;
            try
            {
                socket = new Socket(addresses[i].AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                if (i == addresses.Length - 1)
                    await socket.ConnectAsync(addresses[i], port, timeout);
                else
                    await TryAsync(socket, addresses[i], port, TimeSpan.FromMilliseconds(probe.TimeoutMs) - measurement.Elapsed, addresses.Length - i, timeout);
                measurement.Lap(Phase.Connect);
                if (measurement.Details is { } details)
                    details.Address = $"{addresses[i]}";
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException e)
            {
                socket?.Dispose();
                // A collector without IPv6 has no route to the second address of a target that refuses at its first: that is the target's refusal.
                if (failure is null || ProbeFailure.IsObservers(failure))
                    failure = e.SocketErrorCode == SocketError.NetworkUnreachable && HasRoute(addresses[i]) ? new SocketException((int)SocketError.HostUnreachable) : e;
            }
            catch
            {
                socket?.Dispose();
                throw;
            }
        }
        throw failure ?? new SocketException((int)SocketError.HostNotFound);
    }

    /// <summary>The addresses that may be connected to, in the order of the target's preference; laps resolve.</summary>
    /// <exception cref="SocketException">There is none: the reason stands in the measurement.</exception>
    public async Task<IPAddress[]> AddressesAsync(string host, int port, NetworkOptions? options, Measurement measurement, CancellationToken timeout)
    {
        var addresses = IPAddress.TryParse(host, out var literal) ? [literal] : await resolver.ResolveAsync(host, options, measurement, timeout);
        measurement.Lap(Phase.Resolve);
        var denied = addresses.Count(a => guard.Denies(a, port));
        if (denied == 0)
            return addresses;
        if (denied < addresses.Length)
            return [.. addresses.Where(a => !guard.Denies(a, port))];
        measurement.Fail(Outcome.Denied, $"{string.Join(", ", addresses.Select(a => a.ToString()))} is an address that this collector may not connect to (Collector:DeniedNetworks)");
        throw new SocketException((int)SocketError.AccessDenied);
    }

    /// <summary>Shakes hands, and laps TLS. The certificate's earliest expiry is noted also where it is refused.</summary>
    /// <exception cref="AuthenticationException">It failed: the reason stands in the measurement where it is the certificate's.</exception>
    public async Task<SslStream> SecureAsync(
        Stream stream, string host, ProbeUrl probe, Measurement measurement, CancellationToken timeout, SslApplicationProtocol? protocol = null, bool present = true)
    {
        // This may be the thread that sees what arrives on all sockets (inline completions), and a file may be slow.
        if ((probe.Tls?.Ca ?? probe.Tls?.ClientCertificate) is not null)
            await Task.Yield();
        var options = Handshake(host, probe.Tls, () => measurement, protocol, present);
        var tls = new SslStream(stream, leaveInnerStreamOpen: false);
        try
        {
            await tls.AuthenticateAsClientAsync(options, timeout);
            measurement.Lap(Phase.Tls);
            if (measurement.Details is { } details)
                (details.TlsVersion, details.Cipher) = (tls.SslProtocol.ToString(), tls.NegotiatedCipherSuite.ToString());
            return tls;
        }
        catch (IOException e) when (e.InnerException is not SocketException)
        {
            await tls.DisposeAsync();
            throw new AuthenticationException($"the server ended the handshake: {e.Message}", e);
        }
        catch
        {
            await tls.DisposeAsync();
            throw;
        }
    }

    /// <summary>How to shake hands.</summary>
    /// <param name="host">Name of the server, unless the options give another.</param>
    /// <param name="tls">The target's options.</param>
    /// <param name="measurement">Where the certificate is noted, asked for at each handshake.</param>
    /// <param name="protocol">Protocol to negotiate (ALPN), or none.</param>
    /// <param name="present">False where the client certificate must stay at home: behind a redirect to another host.</param>
    internal SslClientAuthenticationOptions Handshake(string host, TlsOptions? tls, Func<Measurement> measurement, SslApplicationProtocol? protocol, bool present)
    {
        var trusted = tls?.Ca is { } ca ? secrets.Certificates(ca) : null;
        return new SslClientAuthenticationOptions
        {
            // The name that the target gives is that of its own host, and of none that it redirects to.
            TargetHost = present ? tls?.ServerName ?? host : host,
            ApplicationProtocols = protocol is { } one ? [one] : null,
            CertificateChainPolicy = CertificateCheck.NoPolicy,
            // A resumed session shows the certificate of the one before.
            AllowTlsResume = tls is null,
            EnabledSslProtocols = tls?.MinVersion switch
            {
                "1.3" => SslProtocols.Tls13,
                "1.2" => SslProtocols.Tls12 | SslProtocols.Tls13,
                _ => SslProtocols.None,
            },
            ClientCertificateContext = present && tls?.ClientCertificate is { } client ? secrets.ClientCertificate(client) : null,
            RemoteCertificateValidationCallback = (_, certificate, chain, errors) => _certificates.Accept(certificate, chain, errors, tls, trusted, measurement()),
        };
    }

    // "Network unreachable" is also what a router far away may say: where the first step of the way is there, it speaks of the target. Connecting over UDP
    // looks for that step, and sends nothing.
    private static bool HasRoute(IPAddress address)
    {
        try
        {
            using var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            socket.Connect(address, 9);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    // An address that says nothing leaves the others their share of the time.
    private static async Task TryAsync(Socket socket, IPAddress address, int port, TimeSpan left, int addresses, CancellationToken timeout)
    {
        using var share = CancellationTokenSource.CreateLinkedTokenSource(timeout);
        share.CancelAfter(left > TimeSpan.Zero ? left / addresses : TimeSpan.Zero);
        try
        {
            await socket.ConnectAsync(address, port, share.Token);
        }
        catch (OperationCanceledException) when (!timeout.IsCancellationRequested)
        {
            throw new SocketException((int)SocketError.TimedOut);
        }
    }
}
