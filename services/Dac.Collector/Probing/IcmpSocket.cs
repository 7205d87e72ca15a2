using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Dac.Collector.Probing;

/// <summary>
/// One socket for all echoes of an address family, and one thread that waits for their replies (RFC 792, RFC 4443): an echo's time is taken on that thread as soon
/// as the reply is read, not when the thread pool gets to it. A socket for each probe would be handed every reply to the host.
/// </summary>
/// <remarks>
/// A ping socket (SOCK_DGRAM) where <c>net.ipv4.ping_group_range</c> allows it, or else a raw one, which needs CAP_NET_RAW. Only a raw one is told that a router
/// could not deliver an echo. .NET's own Ping takes no ping socket on Linux: without privileges it starts <c>/bin/ping</c> and reads its text.
/// </remarks>
internal sealed class IcmpSocket : IDisposable
{
    /// <summary>The echo's header.</summary>
    private const int Header = 8;

    /// <summary>What the payload begins with, so that no other program's reply is taken for ours.</summary>
    private const int TokenSize = 8;

    private readonly ConcurrentDictionary<ushort, Echo> _waiting = new();
    private readonly Socket _socket;
    private readonly bool _raw;
    private readonly bool _six;
    private readonly ushort _id = (ushort)RandomNumberGenerator.GetInt32(1, 65_536);
    private int _sequence;
    private volatile bool _closed;

    private IcmpSocket(Socket socket, bool raw)
    {
        (_socket, _raw, _six) = (socket, raw, socket.AddressFamily == AddressFamily.InterNetworkV6);
        _socket.ReceiveBufferSize = 1 << 20;
        new Thread(Receive) { IsBackground = true, Name = "icmp" }.Start();
    }

    /// <summary>Whether it is of use no more.</summary>
    public bool Closed => _closed;

    /// <summary>Opens a socket.</summary>
    /// <exception cref="SocketException">AccessDenied: neither form is allowed to this process.</exception>
    public static IcmpSocket Open(AddressFamily family, bool dontFragment)
    {
        var protocol = family == AddressFamily.InterNetworkV6 ? ProtocolType.IcmpV6 : ProtocolType.Icmp;
        Socket socket;
        var raw = false;
        try
        {
            socket = new Socket(family, SocketType.Dgram, protocol);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.AccessDenied or SocketError.ProtocolNotSupported or SocketError.SocketNotSupported)
        {
            socket = new Socket(family, SocketType.Raw, protocol);
            raw = true;
        }
        try
        {
            DontFragment(socket, family, dontFragment);
            return new IcmpSocket(socket, raw);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Sends one echo and waits for what becomes of it: null for its reply, or why there will be none.</summary>
    /// <param name="address">Where to.</param>
    /// <param name="payload">Bytes of payload, 8 to 65,500.</param>
    /// <param name="measurement">Gets the lap <c>first byte</c>, the round trip.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<string?> EchoAsync(IPAddress address, int payload, Measurement measurement, CancellationToken cancellationToken)
    {
        var token = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(TokenSize));
        var echo = new Echo(address, token, measurement);
        var sequence = Enlist(echo);
        try
        {
            var packet = Packet(sequence, token, payload);
            // From before the sending: on a short path the reply is there before the call returns.
            measurement.Begin();
            _socket.SendTo(packet, SocketFlags.None, new IPEndPoint(address, 0));
            return await echo.Answer.WaitAsync(cancellationToken);
        }
        finally
        {
            _waiting.TryRemove(KeyValuePair.Create(sequence, echo));
        }
    }

    public void Dispose()
    {
        _closed = true;
        _socket.Dispose();
    }

    private static void DontFragment(Socket socket, AddressFamily family, bool dontFragment)
    {
        // IP_MTU_DISCOVER and IPV6_MTU_DISCOVER: DO (2) refuses what is too large for the path, DONT (0) fragments it.
        var (level, option) = family == AddressFamily.InterNetworkV6 ? (41, 23) : (0, 10);
        socket.SetRawSocketOption(level, option, BitConverter.GetBytes(dontFragment ? 2 : 0));
    }

    private ushort Enlist(Echo echo)
    {
        for (var tries = 0; tries <= ushort.MaxValue; tries++)
        {
            var sequence = (ushort)Interlocked.Increment(ref _sequence);
            if (_waiting.TryAdd(sequence, echo))
                return sequence;
        }
        throw new SocketException((int)SocketError.NoBufferSpaceAvailable);
    }

    private byte[] Packet(ushort sequence, ulong token, int payload)
    {
        var packet = new byte[Header + payload];
        packet[0] = (byte)(_six ? 128 : 8);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), _id);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(6), sequence);
        BinaryPrimitives.WriteUInt64LittleEndian(packet.AsSpan(Header), token);
        // For IPv6 the kernel sums, since the sum covers the addresses too.
        if (!_six)
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), Checksum(packet));
        return packet;
    }

    private void Receive()
    {
        var buffer = new byte[65_536 + 64];
        var from = new SocketAddress(_socket.AddressFamily);
        try
        {
            while (!_closed)
            {
                if (_socket.Poll(500_000, SelectMode.SelectRead))
                    Take(buffer.AsSpan(0, _socket.ReceiveFrom(buffer, SocketFlags.None, from)), from);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Closed, or of no use: the next probe opens another.
            _closed = true;
            foreach (var echo in _waiting.Values)
                echo.Fail(e as SocketException ?? new SocketException((int)SocketError.Interrupted));
        }
    }

    private void Take(ReadOnlySpan<byte> packet, SocketAddress from)
    {
        // A raw IPv4 socket hands over the IP header too.
        var message = _raw && !_six && packet.Length > 0 ? After(packet, (packet[0] & 0xF) * 4) : packet;
        if (message.Length < Header)
            return;
        switch ((_six, message[0]))
        {
            case (false, 0) or (true, 129) when message.Length >= Header + TokenSize && Find(message, out var sequence) is { } echo
                && echo.Token == BinaryPrimitives.ReadUInt64LittleEndian(message[Header..]):
                if (_waiting.TryRemove(KeyValuePair.Create(sequence, echo)))
                    echo.Reply();
                break;
            case (false, 3 or 11) or (true, 1 or 2 or 3):
                TakeError(message, from);
                break;
        }
    }

    // An error carries the head of the packet that it is about: IP header, then our echo's.
    private void TakeError(ReadOnlySpan<byte> message, SocketAddress from)
    {
        var original = message[Header..];
        if (original.Length < (_six ? 40 : 20))
            return;
        var destination = new IPAddress(_six ? original.Slice(24, 16) : original.Slice(16, 4));
        var echoed = After(original, _six ? 40 : (original[0] & 0xF) * 4);
        if (echoed.Length < Header || echoed[0] != (_six ? 128 : 8) || Find(echoed, out var sequence) is not { } echo || !echo.Address.Equals(destination))
            return;
        if (_waiting.TryRemove(KeyValuePair.Create(sequence, echo)))
            echo.Refuse($"{Meaning(message[0], message[1])}, says {((IPEndPoint)new IPEndPoint(IPAddress.Any, 0).Create(from)).Address}");
    }

    private Echo? Find(ReadOnlySpan<byte> echo, out ushort sequence)
    {
        sequence = BinaryPrimitives.ReadUInt16BigEndian(echo[6..]);
        // The kernel puts an id of its own into what a ping socket sends, and hands over no other's.
        return (!_raw || BinaryPrimitives.ReadUInt16BigEndian(echo[4..]) == _id) && _waiting.TryGetValue(sequence, out var found) ? found : null;
    }

    private string Meaning(byte type, byte code) => (_six, type, code) switch
    {
        (false, 3, 0) or (true, 1, 0) => "the network is unreachable",
        (false, 3, 1) or (true, 1, 3) => "the host is unreachable",
        (false, 3, 4) or (true, 2, _) => "the packet is too large for the path",
        (false, 3, 9 or 10 or 13) or (true, 1, 1) => "it is forbidden by a filter",
        (false, 11, _) or (true, 3, _) => "the time to live was exceeded",
        _ => $"undeliverable (ICMP {type}/{code})",
    };

    private static ReadOnlySpan<byte> After(ReadOnlySpan<byte> packet, int length) => packet.Length >= length ? packet[length..] : [];

    // RFC 1071.
    private static ushort Checksum(ReadOnlySpan<byte> packet)
    {
        uint sum = 0;
        for (var i = 0; i < packet.Length; i += 2)
            sum += (uint)(packet[i] << 8 | (i + 1 < packet.Length ? packet[i + 1] : 0));
        while (sum >> 16 != 0)
            sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~sum;
    }

    /// <summary>An echo under way.</summary>
    private sealed class Echo(IPAddress address, ulong token, Measurement measurement)
    {
        private readonly TaskCompletionSource<string?> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public IPAddress Address => address;

        public ulong Token => token;

        public Task<string?> Answer => _answer.Task;

        public void Reply()
        {
            measurement.Lap(Phase.FirstByte);
            _answer.TrySetResult(null);
        }

        public void Refuse(string reason) => _answer.TrySetResult(reason);

        public void Fail(SocketException e) => _answer.TrySetException(e);
    }
}
