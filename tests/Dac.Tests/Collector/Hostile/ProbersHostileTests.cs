using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Dac.Contracts;

namespace Dac.Tests.Collector.Hostile;

/// <summary>
/// Behaviour x prober x outcome for the probers other than HTTP: whatever a server does, the probe ends within its timeout with the right outcome, and takes no
/// more bytes than it is allowed.
/// </summary>
[Trait("slow", "yes")]
public sealed class ProbersHostileTests : IDisposable
{
    private static readonly string[] Probers = ["tcp", "smtp", "tls", "ws", "wss", "grpc", "grpcs", "dns"];

    // One column for each prober, in that order. Two outcomes: a reset is seen while reading or while writing.
    private const string Table = """
        takes no connection | Timeout Timeout Timeout Timeout Timeout Timeout Timeout Timeout
        says nothing        | Timeout Timeout Timeout Timeout Timeout Timeout Timeout Timeout
        resets              | ConnectFailed ConnectFailed ConnectFailed ConnectFailed ConnectFailed ConnectFailed ConnectFailed ConnectFailed
        closes              | UnexpectedAnswer UnexpectedAnswer TlsFailed ProtocolError TlsFailed ProtocolError TlsFailed ProtocolError
        zeros without end   | TooLarge TooLarge TlsFailed TooLarge TlsFailed ProtocolError TlsFailed ProtocolError
        text without end    | TooLarge TooLarge TlsFailed TooLarge TlsFailed ProtocolError TlsFailed ProtocolError
        trickles            | UnexpectedAnswer UnexpectedAnswer TlsFailed Timeout TlsFailed ProtocolError TlsFailed Timeout
        garbage             | UnexpectedAnswer UnexpectedAnswer TlsFailed ProtocolError TlsFailed ProtocolError TlsFailed ProtocolError
        HTTP                | UnexpectedAnswer UnexpectedAnswer TlsFailed BadStatus TlsFailed ProtocolError TlsFailed ProtocolError
        stalls in TLS       | UnexpectedAnswer UnexpectedAnswer Timeout Timeout Timeout Timeout Timeout Timeout
        self-signed         | - - TlsFailed - TlsFailed - TlsFailed -
        expired             | - - TlsFailed - TlsFailed - TlsFailed -
        for another host    | - - TlsFailed - TlsFailed - TlsFailed -
        stalls behind TLS   | - - Timeout - Timeout - Timeout -
        closes behind TLS   | - - UnexpectedAnswer - ProtocolError - ProtocolError -
        resets behind TLS   | - - ConnectFailed - ConnectFailed - ConnectFailed/ProtocolError -
        zeros behind TLS    | - - TooLarge - TooLarge - ProtocolError -
        """;

    private readonly TestAuthority _authority = new();
    private readonly List<Socket> _open = [];

    public static TheoryData<string, string, string> Cells()
    {
        var cells = new TheoryData<string, string, string>();
        foreach (var row in Table.Split('\n').Select(r => r.Split('|', StringSplitOptions.TrimEntries)))
        {
            foreach (var (prober, outcome) in Probers.Zip(row[1].Split(' ')).Where(c => c.Second != "-"))
                cells.Add(row[0], prober, outcome);
        }
        return cells;
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public async Task A_hostile_server_gets_the_right_outcome_in_time(string behaviour, string prober, string outcome)
    {
        var timeoutMs = TimeoutMs(behaviour);
        var result = Assert.Single(await ProbeAsync(behaviour, prober, 1, timeoutMs));
        Assert.True(outcome.Split('/').Contains($"{result.Outcome}"), $"{result.Outcome}: {result.Error}");
        Assert.InRange(result.TotalUs!.Value, 1, (timeoutMs + 10_000) * 1_000);
        Assert.True(result.Bytes is null or <= 65_536, $"{result.Bytes} bytes");
        Assert.True(result.Error is { Length: > 0 and <= 500 });
    }

    /// <summary>Probes one server of a behaviour, any number of times at once.</summary>
    internal async Task<ProbeResult[]> ProbeAsync(string behaviour, string prober, int atOnce, int timeoutMs)
    {
        using var certificate = Certificate(behaviour);
        await using var server = behaviour == "takes no connection" ? null : new SocketServer((stream, stop) => ServeAsync(behaviour, stream, certificate, stop));
        using var full = server is null ? await FullAsync() : null;
        var port = server?.Port ?? ((IPEndPoint)full!.LocalEndPoint!).Port;
        var url = prober switch
        {
            "dns" => $"dns://localhost:{port}/example.org",
            "smtp" => $"tcp://localhost:{port}",
            _ => $"{prober}://localhost:{port}",
        };
        return await Task.WhenAll(Enumerable.Range(0, atOnce).Select(_ => Task.Run(() => ProbeOnce.RunAsync(
            url,
            p => p with
            {
                Network = new() { IpVersion = "4" },
                Regex = prober is "tcp" or "tls" or "ws" or "wss" ? "never said" : null,
                Tcp = prober == "smtp" ? new() { StartTls = "smtp" } : null,
                Dns = prober == "dns" ? new() { Transport = "tcp" } : null,
                Tls = prober is "tls" or "wss" or "grpcs" ? TestAuthority.Trust : null,
            },
            _authority.Settings,
            timeoutMs))));
    }

    // Where the server leaves the probe waiting, that is the test's length; where it does not, a busy machine has time.
    private static int TimeoutMs(string behaviour) =>
        behaviour is "takes no connection" or "says nothing" or "trickles" || behaviour.StartsWith("stalls", StringComparison.Ordinal) ? 1_000 : 20_000;

    public void Dispose()
    {
        _open.ForEach(s => s.Dispose());
        _authority.Dispose();
    }

    private X509Certificate2 Certificate(string behaviour) => behaviour switch
    {
        "self-signed" => TestServer.Certificate("localhost", TimeProvider.System.GetUtcNow().AddDays(10)),
        "expired" => _authority.Issue(days: -1),
        "for another host" => _authority.Issue("other.example"),
        _ => _authority.Issue(),
    };

    private static async Task ServeAsync(string behaviour, NetworkStream stream, X509Certificate2 certificate, CancellationToken stop)
    {
        switch (behaviour)
        {
            case "says nothing":
                await Task.Delay(Timeout.Infinite, stop);
                break;
            case "resets":
                SocketServer.Reset(stream);
                break;
            case "closes":
                break;
            case "zeros without end":
                await EndlessAsync(stream, 0, stop);
                break;
            case "text without end":
                await EndlessAsync(stream, (byte)'a', stop);
                break;
            case "trickles":
                while (true)
                {
                    await stream.WriteAsync("a"u8.ToArray(), stop);
                    await Task.Delay(20, stop);
                }
            case "garbage":
                var garbage = new byte[500];
                new Random(17).NextBytes(garbage);
                await stream.WriteAsync(garbage, stop);
                await LingerAsync(stream, stop);
                break;
            case "HTTP":
                await stream.WriteAsync("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), stop);
                await LingerAsync(stream, stop);
                break;
            case "stalls in TLS":
                await stream.WriteAsync(new byte[] { 22, 3, 3 }, stop);
                await Task.Delay(Timeout.Infinite, stop);
                break;
            default:
                await using (var tls = new SslStream(stream, leaveInnerStreamOpen: true))
                {
                    await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate, ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11] }, stop);
                    await BehindTlsAsync(behaviour, tls, stream, stop);
                }
                break;
        }
    }

    private static async Task BehindTlsAsync(string behaviour, SslStream tls, NetworkStream stream, CancellationToken stop)
    {
        switch (behaviour)
        {
            case "resets behind TLS":
                SocketServer.Reset(stream);
                break;
            case "closes behind TLS":
                await tls.ShutdownAsync();
                break;
            case "zeros behind TLS":
                await EndlessAsync(tls, 0, stop);
                break;
            default:
                await Task.Delay(Timeout.Infinite, stop);
                break;
        }
    }

    private static async Task EndlessAsync(Stream stream, byte what, CancellationToken stop)
    {
        var block = new byte[65_536];
        Array.Fill(block, what);
        while (true)
            await stream.WriteAsync(block, stop);
    }

    // Closing with what the probe said unread would be a reset.
    private static async Task LingerAsync(NetworkStream stream, CancellationToken stop)
    {
        stream.Socket.Shutdown(SocketShutdown.Send);
        while (await stream.ReadAsync(new byte[4_096], stop) > 0)
        {
        }
    }

    // A listener that accepts nothing and whose queue is full drops what asks for a connection.
    private async Task<Socket> FullAsync()
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(0);
        for (var waiting = 0; waiting < 8; waiting++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            _open.Add(socket);
            using var patience = new CancellationTokenSource(300);
            try
            {
                await socket.ConnectAsync(listener.LocalEndPoint!, patience.Token);
            }
            catch (OperationCanceledException)
            {
                break;
            }
        }
        return listener;
    }
}
