using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Dac.Tests.Collector;

/// <summary>A name server on loopback, UDP and TCP on one port, that sends what the test makes of a query.</summary>
public sealed class DnsServer : IAsyncDisposable
{
    private readonly Socket _udp = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly SocketServer? _tcp;
    private readonly CancellationTokenSource _stop = new();

    /// <param name="udp">The answer to a query over UDP; null: none.</param>
    /// <param name="tcp">What is sent over TCP, length included; null: nobody listens.</param>
    public DnsServer(Func<byte[], byte[]?> udp, Func<byte[], byte[]>? tcp = null)
    {
        if (tcp is not null)
        {
            _tcp = new SocketServer(async (stream, stop) =>
            {
                var length = new byte[2];
                await stream.ReadExactlyAsync(length, stop);
                var query = new byte[BinaryPrimitives.ReadUInt16BigEndian(length)];
                await stream.ReadExactlyAsync(query, stop);
                await stream.WriteAsync(tcp(query), stop);
                await stream.FlushAsync(stop);
            });
        }
        _udp.Bind(new IPEndPoint(IPAddress.Loopback, _tcp?.Port ?? 0));
        _ = ServeAsync(udp);
    }

    public string Url => $"dns://127.0.0.1:{((IPEndPoint)_udp.LocalEndPoint!).Port}";

    /// <summary>An answer to a query: its question, a response code, and records of <c>type data</c>.</summary>
    public static byte[] Answer(byte[] query, int rcode = 0, bool cut = false, params (int Type, byte[] Data)[] records)
    {
        var question = query.AsSpan(12, QuestionEnd(query) - 12);
        using var answer = new MemoryStream();
        answer.Write([query[0], query[1], (byte)(0x80 | (query[2] & 1) | (cut ? 2 : 0)), (byte)(0x80 | rcode), 0, 1, 0, (byte)records.Length, 0, 0, 0, 0]);
        answer.Write(question);
        foreach (var (type, data) in records)
        {
            answer.Write([0xC0, 12, 0, (byte)type, 0, 1, 0, 0, 1, 0x2C, (byte)(data.Length >> 8), (byte)data.Length]);
            answer.Write(data);
        }
        return answer.ToArray();
    }

    public static byte[] Framed(byte[] answer) => [(byte)(answer.Length >> 8), (byte)answer.Length, .. answer];

    public static (int Type, byte[] Data) A(string address) => (1, IPAddress.Parse(address).GetAddressBytes());

    public static (int Type, byte[] Data) Aaaa(string address) => (28, IPAddress.Parse(address).GetAddressBytes());

    public static (int Type, byte[] Data) Txt(string text) => (16, [(byte)text.Length, .. Encoding.UTF8.GetBytes(text)]);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _udp.Dispose();
        if (_tcp is not null)
            await _tcp.DisposeAsync();
    }

    private static int QuestionEnd(byte[] query)
    {
        var end = 12;
        while (query[end] != 0)
            end += query[end] + 1;
        return end + 5;
    }

    private async Task ServeAsync(Func<byte[], byte[]?> udp)
    {
        var buffer = new byte[4_096];
        try
        {
            while (true)
            {
                var query = await _udp.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0), _stop.Token);
                if (udp(buffer[..query.ReceivedBytes]) is { } answer)
                    await _udp.SendToAsync(answer, query.RemoteEndPoint, _stop.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }
}
