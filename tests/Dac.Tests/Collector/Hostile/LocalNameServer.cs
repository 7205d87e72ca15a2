using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Dac.Tests.Collector.Hostile;

/// <summary>A name server on loopback (RFC 1035, over UDP) that answers A and AAAA from a function.</summary>
public sealed class LocalNameServer : IDisposable
{
    private readonly UdpClient _udp = new(new IPEndPoint(IPAddress.Loopback, 0));
    private readonly Func<string, IPAddress[]?> _answer;
    private readonly Func<Task> _before;

    private LocalNameServer(Func<string, IPAddress[]?> answer, Func<Task> before)
    {
        (_answer, _before) = (answer, before);
        _ = ServeAsync();
    }

    public string Address => _udp.Client.LocalEndPoint!.ToString()!;

    public int Port => ((IPEndPoint)_udp.Client.LocalEndPoint!).Port;

    /// <param name="answer">Addresses of a name; null: no such name.</param>
    /// <param name="before">Awaited before each answer.</param>
    public static LocalNameServer Start(Func<string, IPAddress[]?> answer, Func<Task>? before = null) => new(answer, before ?? (() => Task.CompletedTask));

    public void Dispose() => _udp.Dispose();

    private async Task ServeAsync()
    {
        try
        {
            while (true)
                _ = AnswerAsync(await _udp.ReceiveAsync());
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test has ended.
        }
    }

    private async Task AnswerAsync(UdpReceiveResult query)
    {
        await _before();
        var (name, end) = Name(query.Buffer);
        var type = BinaryPrimitives.ReadUInt16BigEndian(query.Buffer.AsSpan(end));
        var all = _answer(name);
        var addresses = all?.Where(a => a.AddressFamily == AddressFamily.InterNetwork == (type == 1)).ToArray() ?? [];
        using var answer = new MemoryStream();
        answer.Write(query.Buffer.AsSpan(0, 2));
        answer.Write([0x81, (byte)(all is null ? 0x83 : 0x80), 0, 1, 0, (byte)addresses.Length, 0, 0, 0, 0]);
        answer.Write(query.Buffer.AsSpan(12, end + 4 - 12));
        foreach (var address in addresses)
        {
            var octets = address.GetAddressBytes();
            answer.Write([0xC0, 12, 0, (byte)type, 0, 1, 0, 0, 0, 1, 0, (byte)octets.Length, .. octets]);
        }
        await _udp.SendAsync(answer.ToArray(), query.RemoteEndPoint);
    }

    private static (string Name, int End) Name(byte[] query)
    {
        var labels = new List<string>();
        var at = 12;
        for (; query[at] != 0; at += query[at] + 1)
            labels.Add(Encoding.ASCII.GetString(query, at + 1, query[at]));
        return (string.Join('.', labels), at + 1);
    }
}
