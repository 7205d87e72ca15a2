using System.Net;
using System.Net.Sockets;

namespace Dac.Faults.Cluster;

/// <summary>Stands between a service and a server on loopback, so that what connects the two can be cut or black-holed while both live.</summary>
public sealed class TcpProxy : IAsyncDisposable
{
    private const int BufferBytes = 1 << 16;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly int _serverPort;
    private readonly HashSet<Socket> _sockets = [];
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private TaskCompletionSource _passes = new();

    public TcpProxy(int serverPort)
    {
        _serverPort = serverPort;
        _passes.SetResult();
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Where services connect to.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>From now on nothing passes in either direction; connections stay open, and new ones are taken and get no answer.</summary>
    public void BlackHole()
    {
        lock (_lock)
        {
            if (_passes.Task.IsCompleted)
                _passes = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>Lets everything pass again, what was held back first: a network that comes back delivers what TCP repeats.</summary>
    public void Open()
    {
        lock (_lock)
            _passes.TrySetResult();
    }

    /// <summary>Resets all connections.</summary>
    public void Cut()
    {
        Socket[] sockets;
        lock (_lock)
            sockets = [.. _sockets];
        foreach (var socket in sockets)
            Reset(socket);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        Open();
        Cut();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = ServeAsync(await _listener.AcceptSocketAsync(_stop.Token));
        }
        // The last is what a listener says that was stopped before it was asked.
        catch (Exception e) when (e is OperationCanceledException or SocketException or InvalidOperationException)
        {
            // Disposed.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.NoDelay = true;
        lock (_lock)
        {
            _sockets.Add(client);
            _sockets.Add(server);
        }
        try
        {
            await PassAsync();
            await server.ConnectAsync(IPAddress.Loopback, _serverPort, _stop.Token);
            // Whichever side ends, ends both.
            await await Task.WhenAny(PumpAsync(client, server), PumpAsync(server, client));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The server is down, or the connection was cut.
        }
        lock (_lock)
        {
            _sockets.Remove(client);
            _sockets.Remove(server);
        }
        Reset(client);
    }

    private async Task PumpAsync(Socket from, Socket to)
    {
        var buffer = new byte[BufferBytes];
        while (await from.ReceiveAsync(buffer, SocketFlags.None, _stop.Token) is > 0 and var count)
        {
            await PassAsync();
            for (var sent = 0; sent < count;)
                sent += await to.SendAsync(buffer.AsMemory(sent, count - sent), SocketFlags.None, _stop.Token);
        }
        await PassAsync();
    }

    private Task PassAsync()
    {
        lock (_lock)
            return _passes.Task;
    }

    private static void Reset(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(true, 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It has ended by itself.
        }
        socket.Dispose();
    }
}
