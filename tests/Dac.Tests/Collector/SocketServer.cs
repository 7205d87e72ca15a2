using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Dac.Tests.Collector;

/// <summary>A TCP server on loopback that does with each connection what it is told to, and then closes it.</summary>
public sealed class SocketServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentBag<Task> _served = [];
    private readonly Task _accepting;

    public SocketServer(Func<NetworkStream, CancellationToken, Task> serve)
    {
        _listener.Start();
        _accepting = AcceptAsync(serve);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Sends what is said after each line that is heard, the first without being asked.</summary>
    public static SocketServer Lines(params string[] said) => new(async (stream, stop) =>
    {
        using var reader = new StreamReader(stream, Encoding.Latin1, leaveOpen: true);
        foreach (var text in said)
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes(text), stop);
            if (await reader.ReadLineAsync(stop) is null)
                return;
        }
    });

    /// <summary>Ends a connection with RST; disposing the stream would say FIN first.</summary>
    public static void Reset(NetworkStream stream)
    {
        stream.Socket.LingerState = new LingerOption(true, 0);
        stream.Socket.Dispose();
    }

    /// <summary>Ends all connections. A test may take away only then what they use: OpenSSL crashes on a certificate that is freed in the midst of a handshake.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        _listener.Dispose();
        await Task.WhenAll(_served);
    }

    private async Task AcceptAsync(Func<NetworkStream, CancellationToken, Task> serve)
    {
        try
        {
            while (true)
                _served.Add(ServeAsync(await _listener.AcceptSocketAsync(_stop.Token), serve));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(Socket socket, Func<NetworkStream, CancellationToken, Task> serve)
    {
        try
        {
            await using var stream = new NetworkStream(socket, ownsSocket: true);
            await serve(stream, _stop.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or SocketException or ObjectDisposedException or System.Security.Authentication.AuthenticationException)
        {
            // The probe, or the test, has gone.
        }
    }
}
