using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Dac.Tests.Collector.Hostile;

/// <summary>A server on loopback that says and does on each connection what it is told to.</summary>
public sealed class HostileServer : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Socket> _fill = [];
    private readonly ConcurrentBag<Task> _talks = [];
    private readonly Socket _listener;
    private Task _accepting = Task.CompletedTask;

    private HostileServer(IPAddress address, int backlog)
    {
        _listener = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        _listener.Bind(new IPEndPoint(address, 0));
        _listener.Listen(backlog);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    /// <summary>Talks on each connection, after a handshake where there is a certificate.</summary>
    public static HostileServer Start(Func<Conversation, Task> talk, X509Certificate2? certificate = null, IPAddress? address = null, Func<Task>? beforeHandshake = null)
    {
        var server = new HostileServer(address ?? IPAddress.Loopback, 2_000);
        server._accepting = server.AcceptAsync(talk, certificate, beforeHandshake ?? (() => Task.CompletedTask));
        return server;
    }

    /// <summary>Its queue of connections is full: the kernel drops each SYN.</summary>
    public static HostileServer Full()
    {
        var server = new HostileServer(IPAddress.Loopback, 0);
        for (var i = 0; i < 3; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
            server._fill.Add(socket);
            try
            {
                socket.Connect(IPAddress.Loopback, server.Port);
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
            {
                // The kernel goes on with it.
            }
        }
        return server;
    }

    /// <summary>Ends all connections, so that a test may take away what they use.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        _listener.Dispose();
        _fill.ForEach(s => s.Dispose());
        await Task.WhenAll(_talks);
    }

    private async Task AcceptAsync(Func<Conversation, Task> talk, X509Certificate2? certificate, Func<Task> beforeHandshake)
    {
        try
        {
            while (true)
                _talks.Add(TalkAsync(await _listener.AcceptAsync(_stop.Token), talk, certificate, beforeHandshake));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test has ended.
        }
    }

    private async Task TalkAsync(Socket socket, Func<Conversation, Task> talk, X509Certificate2? certificate, Func<Task> beforeHandshake)
    {
        using var _ = socket;
        Stream stream = new NetworkStream(socket);
        try
        {
            if (certificate is not null)
            {
                await beforeHandshake();
                var tls = new SslStream(stream);
                stream = tls;
                await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate }, _stop.Token);
            }
            await talk(new Conversation(socket, stream, _stop.Token));
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or SocketException or ObjectDisposedException or System.Security.Authentication.AuthenticationException)
        {
            // The prober has had enough.
        }
    }
}

/// <summary>One connection of a <see cref="HostileServer"/>.</summary>
public sealed class Conversation(Socket socket, Stream stream, CancellationToken stop)
{
    public Stream Stream => stream;

    public CancellationToken Stop => stop;

    /// <summary>Reads up to the end of the head.</summary>
    public async Task<string> RequestAsync()
    {
        var text = new StringBuilder();
        var buffer = new byte[4_096];
        while (!text.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
        {
            var read = await stream.ReadAsync(buffer, stop);
            if (read == 0)
                break;
            text.Append(Encoding.Latin1.GetString(buffer, 0, read));
        }
        return text.ToString();
    }

    public Task SayAsync(string text) => SayAsync(Encoding.Latin1.GetBytes(text));

    public async Task SayAsync(ReadOnlyMemory<byte> bytes)
    {
        await stream.WriteAsync(bytes, stop);
        await stream.FlushAsync(stop);
    }

    /// <summary>Waits until all that was said is in the prober's kernel: on a busy machine it may be on its way when a write has ended.</summary>
    public async Task ArrivedAsync()
    {
        // tcp(7): tcpi_unacked of TCP_INFO.
        var info = new byte[28];
        for (var looks = 0; OperatingSystem.IsLinux() && (looks == 0 || BitConverter.ToUInt32(info, 24) > 0); looks++)
        {
            await Task.Delay(looks == 0 ? 0 : 1, stop);
            socket.GetRawSocketOption((int)ProtocolType.Tcp, 11, info);
        }
    }

    /// <summary>Says it again and again.</summary>
    public async Task FloodAsync(string text)
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        while (true)
            await stream.WriteAsync(bytes, stop);
    }

    /// <summary>Says it a byte at a time.</summary>
    public async Task TrickleAsync(string text)
    {
        while (true)
        {
            foreach (var c in text)
            {
                await SayAsync(c.ToString());
                await Task.Delay(20, stop);
            }
        }
    }

    public Task StallAsync() => Task.Delay(Timeout.Infinite, stop);

    /// <summary>Ends the connection with RST.</summary>
    public Task ResetAsync()
    {
        socket.LingerState = new LingerOption(true, 0);
        socket.Close();
        return Task.CompletedTask;
    }
}
