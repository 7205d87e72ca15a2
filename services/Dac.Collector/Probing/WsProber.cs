using System.Net.Security;
using System.Net.WebSockets;
using System.Text;
using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>
/// <c>ws://host[:80]/path</c> and <c>wss://host[:443]/path</c>: the upgrade to a WebSocket (RFC 6455) and, where asked for, one message sent and one expected; then it is closed.
/// Up is status 101 and what is expected. Redirects are not followed.
/// </summary>
public sealed class WsProber(Connector connector, SecretReader secrets) : IProber
{
    private const int MaxBytes = 65_536;

    private readonly RegexCache _regexes = new();

    /// <inheritdoc/>
    public IReadOnlyList<string> Schemes => ["ws", "wss"];

    /// <inheritdoc/>
    public async Task ProbeAsync(ProbeUrl probe, Measurement measurement, CancellationToken timeout)
    {
        using var socket = new ClientWebSocket();
        try
        {
            Configure(socket.Options, probe.Ws ?? new WsOptions());
            using var handler = OneTimeHandler.Create(connector, SslApplicationProtocol.Http11, 2L * (probe.Ws?.MaxBytes ?? MaxBytes), probe, measurement, timeout);
            using var client = new HttpMessageInvoker(handler);
            await socket.ConnectAsync(new Uri(probe.Url), client, timeout);
            measurement.StatusCode = (short)socket.HttpStatusCode;
            await TalkAsync(socket, probe, measurement, timeout);
            // Said, and not waited for: the measurement is over.
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, timeout);
        }
        catch (WebSocketException e) when (!timeout.IsCancellationRequested && Explain(e, socket, probe, measurement, timeout))
        {
            // It stands in the measurement.
        }
        catch (Exception e) when (ProbeFailure.Note(e, probe, measurement, timeout))
        {
            // Likewise.
        }
    }

    private void Configure(ClientWebSocketOptions socket, WsOptions options)
    {
        socket.CollectHttpResponseDetails = true;
        socket.KeepAliveInterval = TimeSpan.Zero;
        socket.SetRequestHeader("User-Agent", "DAC");
        foreach (var (name, value) in options.Headers ?? new Dictionary<string, string>())
            socket.SetRequestHeader(name, value);
        foreach (var (name, reference) in options.SecretHeaders ?? new Dictionary<string, string>())
            socket.SetRequestHeader(name, secrets.ReadHeader(reference));
        if (options.Subprotocol is { } subprotocol)
            socket.AddSubProtocol(subprotocol);
    }

    private async Task TalkAsync(ClientWebSocket socket, ProbeUrl probe, Measurement measurement, CancellationToken timeout)
    {
        var options = probe.Ws ?? new WsOptions();
        if (options.Subprotocol is { } asked && !measurement.Assert($"subprotocol {asked}", socket.SubProtocol == asked, socket.SubProtocol))
        {
            measurement.Fail(Outcome.UnexpectedAnswer, $"the server grants no subprotocol {asked}");
            return;
        }
        if (options.Send is { } message)
            await socket.SendAsync(Encoding.UTF8.GetBytes(message), WebSocketMessageType.Text, endOfMessage: true, timeout);
        if ((options.Expect ?? probe.Regex) is { } pattern)
            await new Dialogue(new MessageStream(socket), _regexes, options.MaxBytes ?? MaxBytes, measurement).ExpectAsync(pattern, timeout);
    }

    private static bool Explain(WebSocketException e, ClientWebSocket socket, ProbeUrl probe, Measurement measurement, CancellationToken timeout)
    {
        if (e.InnerException is { } inner && ProbeFailure.Note(inner, probe, measurement, timeout))
            return true;
        if (socket.HttpStatusCode is not 0 and not System.Net.HttpStatusCode.SwitchingProtocols)
        {
            measurement.StatusCode = (short)socket.HttpStatusCode;
            measurement.Fail(Outcome.BadStatus, $"status {(int)socket.HttpStatusCode}, an upgrade is 101");
        }
        measurement.Fail(Outcome.ProtocolError, e.Message);
        return true;
    }

    /// <summary>The messages that arrive, one after the other.</summary>
    private sealed class MessageStream(ClientWebSocket socket) : ForwardStream
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            while (true)
            {
                var part = await socket.ReceiveAsync(buffer, cancellationToken);
                if (part.Count > 0 || part.MessageType == WebSocketMessageType.Close)
                    return part.Count;
            }
        }
    }
}
