using System.Net.Security;
using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>HTTP/1.1 (RFC 9112) over a socket: one request after the other, each phase timed where it happens.</summary>
internal sealed class SocketExchange(Connector connector, bool home, ProbeUrl probe, Measurement measurement, CancellationToken timeout)
    : HttpExchange(connector, home, probe, measurement, timeout)
{
    private Http1Connection? _connection;

    /// <inheritdoc/>
    public override async Task<HttpAnswer> SendAsync(HttpCall call, int maxBody)
    {
        Measurement.Begin();
        using var request = new Http1Request(call, Probe.Http, Measurement);
        var head = _connection?.IsUsable(call.Url) == true && _connection.Listen(Timeout) ? await AgainAsync(_connection, call, request) : null;
        if (head is null)
        {
            _connection?.Dispose();
            _connection = await ConnectAsync(call.Url);
            head = await _connection.AskAsync(request.Bytes, Measurement, Timeout) ?? throw Silent();
        }
        NoteExpiry(call.Url);
        if (Measurement.Details is { } details)
            details.Protocol = $"HTTP/1.{head.Value.Minor}";
        var framing = Http1Framing.Of(head.Value, _connection!.Head, call.Method);
        _connection.Limit(MaxOnTheWire(maxBody));
        return new Answer(this, _connection, head.Value, framing);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _connection?.Dispose();
        _connection = null;
    }

    private static HttpIOException Silent() => new(HttpRequestError.ResponseEnded, "the server closed the connection without an answer");

    // A connection that was kept may end while the request is on its way. What may change something at the server is not sent twice (RFC 9110, 9.2.2).
    private async Task<Http1Head?> AgainAsync(Http1Connection connection, HttpCall call, Http1Request request)
    {
        try
        {
            return await connection.AskAsync(request.Bytes, Measurement, Timeout) ?? (IsSafe(call) ? null : throw Silent());
        }
        catch (IOException) when (IsSafe(call) && connection.IsSilent && !Timeout.IsCancellationRequested)
        {
            return null;
        }
    }

    private static bool IsSafe(HttpCall call) => call.Method is "GET" or "HEAD" or "OPTIONS";

    private async Task<Http1Connection> ConnectAsync(Uri url)
    {
        Measurement.Begin();
        var socket = await Connector.ConnectAsync(url.IdnHost, url.Port, Probe, Measurement, Timeout);
        return url.Scheme == Uri.UriSchemeHttps
            ? new(socket, await Connector.SecureAsync(socket, url.IdnHost, Probe, Measurement, Timeout, SslApplicationProtocol.Http11, Home), url)
            : new(socket, socket, url);
    }

    private void Finish(Http1Connection connection, Http1Body? body, Http1Framing framing)
    {
        if (_connection != connection)
            return;
        body ??= new Http1Body(connection, framing, Measurement);
        body.Skip();
        if (Probe.Http?.ReuseConnection == true && framing.Keeps && body.Ended && connection.Pending.IsEmpty)
        {
            connection.Rest();
            return;
        }
        _connection = null;
        if (body.Ended)
            connection.Part();
        else
            connection.Dispose();
    }

    private sealed class Answer(SocketExchange exchange, Http1Connection connection, Http1Head head, Http1Framing framing) : HttpAnswer
    {
        private Http1Body? _body;

        public override int Status => head.Status;

        public override string? Reason => head.Reason(connection.Head);

        public override string? Header(string name) => head.Field(connection.Head, name);

        public override ValueTask<Stream> BodyAsync(CancellationToken timeout) => new(_body ??= new Http1Body(connection, framing, exchange.Measurement));

        public override void Dispose() => exchange.Finish(connection, _body, framing);
    }
}
