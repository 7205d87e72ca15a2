using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Dac.Tests.Collector;

/// <summary>A TCP server on loopback that does with each connection what it is told to, and then closes it.</summary>
public sealed class SocketServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();

    public SocketServer(Func<NetworkStream, CancellationToken, Task> serve)
    {
        _listener.Start();
        _ = AcceptAsync(serve);
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

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
    }

    private async Task AcceptAsync(Func<NetworkStream, CancellationToken, Task> serve)
    {
        try
        {
            while (true)
                _ = ServeAsync(await _listener.AcceptSocketAsync(_stop.Token), serve);
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
