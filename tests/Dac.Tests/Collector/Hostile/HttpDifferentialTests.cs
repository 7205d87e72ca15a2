using Dac.Collector;
using Dac.Collector.Probing;
using Dac.Contracts;
using Microsoft.Extensions.Options;

namespace Dac.Tests.Collector.Hostile;

/// <summary>HTTP/1.1 over a socket makes the same of every answer as the framework's client does; where it does not, the difference is meant and stands here.</summary>
public sealed class HttpDifferentialTests
{
    private const string Head = "HTTP/1.1 200 OK\r\n";

    private static readonly Lazy<HttpProber> Socket = new(() => Prober(byHandler: false)), Handler = new(() => Prober(byHandler: true));

    // What a server says, and then closes.
    private static readonly Dictionary<string, string> Alike = new()
    {
        ["length"] = $"{Head}Content-Length: 5\r\n\r\nhello",
        ["length of nothing"] = $"{Head}Content-Length: 0\r\n\r\n",
        ["length shorter than what comes"] = $"{Head}Content-Length: 5\r\n\r\nhello, and more",
        ["length given twice"] = $"{Head}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        ["up to the end"] = $"{Head}Server: x\r\n\r\nhello",
        ["up to the end, empty"] = $"{Head}\r\n",
        ["HTTP/1.0"] = "HTTP/1.0 200 OK\r\n\r\nhello",
        ["HTTP/1.7"] = "HTTP/1.7 200 OK\r\n\r\nhello",
        ["chunks"] = $"{Head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n",
        ["chunks in capitals"] = $"{Head}TRANSFER-ENCODING: CHUNKED\r\n\r\nA\r\nhello worl\r\n0\r\n\r\n",
        ["chunks with trailers"] = $"{Head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n",
        ["chunks, and more behind them"] = $"{Head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nmore",
        ["chunk sizes with leading zeros"] = $"{Head}Transfer-Encoding: chunked\r\n\r\n00000005\r\nhello\r\n0000\r\n\r\n",
        ["chunk sizes with blanks behind them"] = $"{Head}Transfer-Encoding: chunked\r\n\r\n5  \r\nhello\r\n0\r\n\r\n",
        ["chunk size with a sign"] = $"{Head}Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
        ["chunk size with 0x"] = $"{Head}Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        ["chunks and a length"] = $"{Head}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ["chunks without trailers' end"] = $"{Head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        ["invalid trailer"] = $"{Head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nno colon\r\n\r\n",
        ["identity and a length"] = $"{Head}Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello",
        ["no words behind the status"] = "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello",
        ["a blank behind the status"] = "HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello",
        ["status 204 with a length"] = "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
        ["status 304 with a length"] = "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        ["status 404"] = "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello",
        ["status 999"] = "HTTP/1.1 999 Denied\r\nContent-Length: 5\r\n\r\nhello",
        ["status 099"] = "HTTP/1.1 099 What\r\nContent-Length: 5\r\n\r\nhello",
        ["status of two digits"] = "HTTP/1.1 20 OK\r\n\r\n",
        ["status of four digits"] = "HTTP/1.1 2000 OK\r\n\r\n",
        ["status 101 that nobody asked for"] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nhello",
        ["100 and then the answer"] = $"HTTP/1.1 100 Continue\r\n\r\n{Head}Content-Length: 5\r\n\r\nhello",
        ["hints and then the answer"] = $"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n{Head}Content-Length: 5\r\n\r\nhello",
        ["folded header"] = $"{Head}X-A: one\r\n two\r\nContent-Length: 5\r\n\r\nhello",
        ["lines that end with LF"] = "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
        ["empty header"] = $"{Head}X-A:\r\nContent-Length: 5\r\n\r\nhello",
        ["blanks around a value"] = $"{Head}Content-Length:  \t 5 \t \r\n\r\nhello",
        ["blank before the colon"] = $"{Head}Content-Length : 5\r\n\r\nhello",
        ["header without a name"] = $"{Head}: 5\r\n\r\nhello",
        ["header with a blank in its name"] = $"{Head}Bad Name: 5\r\n\r\nhello",
        ["blank line before the status"] = $"\r\n{Head}\r\nhello",
        ["HTTP/2.0"] = "HTTP/2.0 200 OK\r\n\r\nhello",
        ["charset"] = $"{Head}Content-Type: text/plain; charset=\"iso-8859-1\"\r\n\r\nh\u00e9llo",
        ["redirect in a circle"] = "HTTP/1.1 302 Found\r\nLocation: /\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        ["redirect without a place"] = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
        ["length twice in one line"] = $"{Head}Content-Length: 5, 5\r\n\r\nhello",
        ["fold onto the status line"] = $"{Head} X-A: a\r\nContent-Length: 5\r\n\r\nhello",
        ["chunk lines that end with LF"] = $"{Head}Transfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n",
        ["garbage behind a chunk size"] = $"{Head}Transfer-Encoding: chunked\r\n\r\n5 x\r\nhello\r\n0\r\n\r\n",
        ["head of 60 kB"] = $"{Head}X-A: {new string('x', 60_000)}\r\nContent-Length: 5\r\n\r\nhello",
    };

    // What is made of it over the socket, by the client, and why.
    private static readonly Dictionary<string, (string Said, Outcome Socket, Outcome Handler, string Why)> Different = new()
    {
        ["two lengths"] = ($"{Head}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", Outcome.ProtocolError, Outcome.Up, "RFC 9112, 6.3: an unrecoverable error; the client reads up to the end"),
        ["length that is no number"] = ($"{Head}Content-Length: five\r\n\r\nhello", Outcome.ProtocolError, Outcome.Up, "RFC 9112, 6.3: an unrecoverable error; the client reads up to the end"),
        ["length with a sign"] = ($"{Head}Content-Length: +5\r\n\r\nhello", Outcome.ProtocolError, Outcome.Up, "RFC 9110, 8.6: digits alone; the client takes no notice of it and reads up to the end"),
        ["length without a value"] = ($"{Head}Content-Length:\r\n\r\nhello", Outcome.ProtocolError, Outcome.Up, "RFC 9110, 8.6: digits alone; the client takes no notice of it and reads up to the end"),
        ["CR within a header"] = ($"{Head}X-A: a\rb\r\nContent-Length: 5\r\n\r\nhello", Outcome.ProtocolError, Outcome.Up, "RFC 9112, 2.2: a bare CR makes the element invalid; the client keeps it"),
        ["NUL within a header"] = ($"{Head}X-A: a\0b\r\nContent-Length: 5\r\n\r\nhello", Outcome.ProtocolError, Outcome.Up, "RFC 9110, 5.5: a field with NUL is invalid and dangerous; the client keeps it"),
        ["chunked twice"] = ($"{Head}Transfer-Encoding: chunked, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", Outcome.ProtocolError, Outcome.Up, "RFC 9112, 6.1: chunked must not be applied more than once; the client takes it for once"),
        ["CR within a chunk's extension"] = ($"{Head}Transfer-Encoding: chunked\r\n\r\n5;a\rb\r\nhello\r\n0\r\n\r\n", Outcome.ProtocolError, Outcome.Up, "RFC 9112, 2.2: a bare CR makes the element invalid; the client skips it"),
        ["gzip as transfer coding"] = ($"{Head}Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", Outcome.ProtocolError, Outcome.Up, "RFC 9112, 7.4: no coding was asked for but chunked; the client takes what is packed for the body"),
    };

    public static TheoryData<string> Behaviours => [.. HttpBehaviours.All.Where(b => b.Http?.Version is null).Select(b => b.Name)];

    public static TheoryData<string> Answers => [.. Alike.Keys];

    public static TheoryData<string> Differences => [.. Different.Keys];

    [Theory]
    [MemberData(nameof(Behaviours))]
    public async Task A_hostile_server_is_the_same_to_both(string name)
    {
        var behaviour = HttpBehaviours.All.Single(b => b.Name == name);
        await using var server = behaviour.Start();
        var timeoutMs = behaviour.Outcome == Outcome.Timeout ? 400 : 15_000;
        var bySocket = await HttpHostileTests.ProbeAsync(Socket.Value, behaviour, server, timeoutMs);
        var byHandler = await HttpHostileTests.ProbeAsync(Handler.Value, behaviour, server, timeoutMs);
        // Where it depends on what arrives first, each may have seen the other.
        if (behaviour.Or is null)
            Assert.Equal(Seen(byHandler), Seen(bySocket));
    }

    [Theory]
    [MemberData(nameof(Answers))]
    public async Task An_answer_is_the_same_to_both(string name)
    {
        foreach (var method in new[] { "GET", "HEAD", "POST" })
        {
            var (bySocket, byHandler) = await AskAsync(Alike[name], method);
            Assert.Equal((method, Seen(byHandler)), (method, Seen(bySocket)));
        }
    }

    [Theory]
    [MemberData(nameof(Differences))]
    public async Task A_difference_is_meant(string name)
    {
        var (said, socket, handler, why) = Different[name];
        var (bySocket, byHandler) = await AskAsync(said, "GET");
        Assert.True((socket, handler) == (bySocket.Outcome, byHandler.Outcome), $"{Seen(bySocket)} and {Seen(byHandler)}: {why}");
    }

    private static async Task<(ProbeResult BySocket, ProbeResult ByHandler)> AskAsync(string said, string method)
    {
        await using var server = HostileServer.Start(async c =>
        {
            await c.RequestAsync();
            await c.SayAsync(said);
        });
        var behaviour = new HttpBehaviour("", Outcome.Up, () => server, Http: new() { Method = method, Status = "2xx", BodyMatches = method == "HEAD" ? null : ["[^ ]+"] });
        return (await HttpHostileTests.ProbeAsync(Socket.Value, behaviour, server, 10_000), await HttpHostileTests.ProbeAsync(Handler.Value, behaviour, server, 10_000));
    }

    // How far a body came that has no end is up to the pieces that it came in; of one whose chunks break the rules the socket counts what came before them.
    private static (Outcome Outcome, short? Status, int? Bytes, string? Match) Seen(ProbeResult result) =>
        (result.Outcome, result.StatusCode, result.Outcome is Outcome.TooLarge or Outcome.Timeout or Outcome.ProtocolError ? null : result.Bytes, result.Match);

    private static HttpProber Prober(bool byHandler)
    {
        var services = new ServiceCollection();
        services.AddSingleton(Options.Create(new CollectorOptions()));
        services.AddSingleton(TimeProvider.System);
        services.AddProbing();
        var provider = services.BuildServiceProvider();
        var (connector, secrets) = (provider.GetRequiredService<Connector>(), provider.GetRequiredService<SecretReader>());
        return byHandler
            ? new HttpProber(connector, secrets, provider.GetRequiredService<BodyMemory>(), provider.GetRequiredService<ConnectRate>(), provider.GetRequiredService<IOptions<CollectorOptions>>(), TimeProvider.System)
            {
                Exchange = (home, probe, measurement, timeout) => new HandlerExchange(connector, secrets, home, probe, measurement, timeout),
            }
            : (HttpProber)provider.GetServices<IProber>().Single(p => p.Schemes.Contains("http"));
    }
}
