using System.Net;
using System.Net.Sockets;
using System.Text;
using Dac.Faults.Cluster;

namespace Dac.Tests.Faults;

/// <summary>The proxy by which the fault suite cuts connections.</summary>
public sealed class TcpProxyTests : IAsyncLifetime
{
    private readonly TcpListener _server = new(IPAddress.Loopback, 0);
    private TcpProxy _proxy = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync()
    {
        _server.Start();
        _proxy = new TcpProxy(((IPEndPoint)_server.LocalEndpoint).Port);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _proxy.DisposeAsync();
        _server.Dispose();
    }

    [Fact]
    public async Task It_passes_bytes_both_ways()
    {
        var (client, server) = await ConnectAsync();
        await SendAsync(client, "ping");
        Assert.Equal("ping", await ReceiveAsync(server));
        await SendAsync(server, "pong");
        Assert.Equal("pong", await ReceiveAsync(client));
    }

    [Fact]
    public async Task What_is_sent_into_a_black_hole_arrives_when_it_opens()
    {
        var (client, server) = await ConnectAsync();
        _proxy.BlackHole();
        await SendAsync(client, "ping");
        var received = ReceiveAsync(server);
        await Assert.ThrowsAsync<TimeoutException>(() => received.WaitAsync(TimeSpan.FromMilliseconds(200), Cancel));
        Assert.True(client.Connected);
        _proxy.Open();
        Assert.Equal("ping", await received.WaitAsync(TimeSpan.FromSeconds(10), Cancel));
    }

    [Fact]
    public async Task A_cut_resets_both_sides_and_new_connections_pass()
    {
        var (client, server) = await ConnectAsync();
        _proxy.Cut();
        await Assert.ThrowsAnyAsync<SocketException>(() => ReceiveAsync(client));
        await Assert.ThrowsAnyAsync<SocketException>(() => ReceiveAsync(server));
        var (again, _) = await ConnectAsync();
        Assert.True(again.Connected);
    }

    [Fact]
    public async Task Without_a_server_a_connection_ends_at_once()
    {
        _server.Stop();
        var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await Assert.ThrowsAnyAsync<SocketException>(async () =>
        {
            await client.ConnectAsync(IPAddress.Loopback, _proxy.Port, Cancel);
            await ReceiveAsync(client).WaitAsync(TimeSpan.FromSeconds(10), Cancel);
        });
    }

    private async Task<(Socket Client, Socket Server)> ConnectAsync()
    {
        var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(IPAddress.Loopback, _proxy.Port, Cancel);
        return (client, await _server.AcceptSocketAsync(Cancel));
    }

    private static async Task SendAsync(Socket socket, string text) => await socket.SendAsync(Encoding.ASCII.GetBytes(text), Cancel);

    private static async Task<string> ReceiveAsync(Socket socket)
    {
        var buffer = new byte[100];
        return Encoding.ASCII.GetString(buffer, 0, await socket.ReceiveAsync(buffer, Cancel));
    }
}
