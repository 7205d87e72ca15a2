using System.IO.Compression;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Dac.Contracts;

namespace Dac.Tests.Collector.Hostile;

/// <summary>One way of misbehaving, and what a probe must make of it; two where it depends on what arrives first.</summary>
public sealed record HttpBehaviour(string Name, Outcome Outcome, Func<HostileServer> Start, string Scheme = "http", HttpOptions? Http = null, string? Regex = null, string Host = "127.0.0.1", Outcome? Or = null);

/// <summary>What servers of HTTP can do to a prober.</summary>
public static class HttpBehaviours
{
    private const string Head = "HTTP/1.1 200 OK\r\n";

    private static readonly HttpOptions Http2 = new() { Version = "2" };
    private static readonly Lazy<byte[]> GzipBomb = new(() => Bomb(s => new GZipStream(s, CompressionLevel.Fastest, leaveOpen: true)));
    private static readonly Lazy<byte[]> BrotliBomb = new(() => Bomb(s => new BrotliStream(s, CompressionLevel.Fastest, leaveOpen: true)));
    private static readonly Lazy<byte[]> ZlibBomb = new(() => Bomb(s => new ZLibStream(s, CompressionLevel.Fastest, leaveOpen: true)));

    public static IReadOnlyList<HttpBehaviour> All { get; } =
    [
        new("SYN backlog full", Outcome.Timeout, HostileServer.Full),
        On("accepts, says nothing", Outcome.Timeout, c => c.StallAsync()),
        On("resets at accept", Outcome.ConnectFailed, c => c.ResetAsync()),
        On("closes at accept", Outcome.ProtocolError, c => Task.CompletedTask) with { Or = Outcome.ConnectFailed },
        After("closes after the request", Outcome.ProtocolError, c => Task.CompletedTask),
        After("resets after the request", Outcome.ConnectFailed, c => c.ResetAsync()),
        After("says nonsense", Outcome.ProtocolError, c => c.SayAsync("nonsense\r\n\r\n")),
        After("speaks HTTP/0.9", Outcome.ProtocolError, c => c.SayAsync("<html>hello</html>")),
        After("stalls in the status line", Outcome.Timeout, c => c.SayAsync("HTTP/1.1 2").ContinueWith(_ => c.StallAsync()).Unwrap()),
        After("stalls in the headers", Outcome.Timeout, c => c.SayAsync($"{Head}Server: x\r\n").ContinueWith(_ => c.StallAsync()).Unwrap()),
        After("trickles headers", Outcome.Timeout, c => c.TrickleAsync($"{Head}Server: x")),
        After("resets in the headers", Outcome.ConnectFailed, c => SayAndResetAsync(c, $"{Head}Server: x\r\n")),
        After("closes in the headers", Outcome.ProtocolError, c => c.SayAsync($"{Head}Server: x\r\n")),
        After("endless headers", Outcome.TooLarge, c => FloodAsync(c, Head, $"X-Header: {new string('x', 500)}\r\n")),
        After("one endless header", Outcome.TooLarge, c => FloodAsync(c, $"{Head}X-Header: ", new string('x', 500))),
        After("endless status line", Outcome.TooLarge, c => FloodAsync(c, "HTTP/1.1 200 ", new string('x', 500))),
        After("1xx without end", Outcome.TooLarge, c => c.FloodAsync("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")),
        After("100 Continue, then nothing", Outcome.Timeout, c => c.SayAsync("HTTP/1.1 100 Continue\r\n\r\n").ContinueWith(_ => c.StallAsync()).Unwrap()),
        After("stalls in the body", Outcome.Timeout, c => c.SayAsync($"{Head}Content-Length: 10\r\n\r\nhalf").ContinueWith(_ => c.StallAsync()).Unwrap()),
        After("trickles a body", Outcome.Timeout, c => c.SayAsync($"{Head}\r\n").ContinueWith(_ => c.TrickleAsync("x")).Unwrap()),
        After("resets in the body", Outcome.ConnectFailed, c => SayAndResetAsync(c, $"{Head}Content-Length: 10\r\n\r\nhalf")),
        After("endless body", Outcome.TooLarge, c => FloodAsync(c, $"{Head}\r\n", new string('x', 16_000))),
        After("endless body, kept for a regex", Outcome.TooLarge, c => FloodAsync(c, $"{Head}\r\n", new string('x', 16_000))) with { Regex = "y" },
        After("endless chunks", Outcome.TooLarge, c => FloodAsync(c, $"{Head}Transfer-Encoding: chunked\r\n\r\n", $"3E80\r\n{new string('x', 16_000)}\r\n")),
        After("chunks of one byte in long wrapping", Outcome.TooLarge, c => FloodAsync(c, $"{Head}Transfer-Encoding: chunked\r\n\r\n", $"1;{new string('x', 4_000)}\r\ny\r\n")),
        After("endless trailers", Outcome.TooLarge, c => FloodAsync(c, $"{Head}Transfer-Encoding: chunked\r\n\r\n0\r\n", "X-Trailer: x\r\n")),
        After("length too long", Outcome.ProtocolError, c => c.SayAsync($"{Head}Content-Length: 100\r\n\r\nshort")),
        After("length of 9 exabytes", Outcome.ProtocolError, c => c.SayAsync($"{Head}Content-Length: 9223372036854775807\r\n\r\nshort")),
        After("chunk size is no number", Outcome.ProtocolError, c => c.SayAsync($"{Head}Transfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n")),
        After("chunk size overflows", Outcome.ProtocolError, c => c.SayAsync($"{Head}Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nx\r\n")),
        After("chunk longer than its size", Outcome.ProtocolError, c => c.SayAsync($"{Head}Transfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n0\r\n\r\n")),
        After("chunks without end", Outcome.ProtocolError, c => c.SayAsync($"{Head}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")),
        Encoded("gzip bomb", Outcome.TooLarge, "gzip", () => GzipBomb.Value),
        Encoded("brotli bomb", Outcome.TooLarge, "br", () => BrotliBomb.Value),
        Encoded("deflate bomb", Outcome.TooLarge, "deflate", () => ZlibBomb.Value),
        Encoded("gzip bomb, kept for a regex", Outcome.TooLarge, "gzip", () => GzipBomb.Value) with { Regex = "y" },
        Encoded("gzip that is none", Outcome.ProtocolError, "gzip", () => "not gzip at all"u8.ToArray()),
        Encoded("brotli that is none", Outcome.ProtocolError, "br", () => "not brotli at all"u8.ToArray()),
        Encoded("gzip cut short", Outcome.ProtocolError, "gzip", () => GzipBomb.Value[..200]),
        Encoded("encoded five times", Outcome.ProtocolError, "gzip, gzip, gzip, gzip, gzip", () => GzipBomb.Value),
        Encoded("unknown content coding", Outcome.ProtocolError, "compress", () => [1, 2, 3]),
        After("empty gzip members without end", Outcome.TooLarge, c => EmptyMembersAsync(c)),
        After("redirect to itself", Outcome.TooManyRedirects, c => c.SayAsync("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")),
        After("redirects ever further", Outcome.TooManyRedirects, c => c.SayAsync($"HTTP/1.1 302 Found\r\nLocation: /{Guid.NewGuid()}\r\nContent-Length: 0\r\n\r\n")),
        After("redirect with an endless body", Outcome.TooManyRedirects, c => FloodAsync(c, "HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", new string('x', 16_000))),
        After("redirect to file:", Outcome.BadStatus, c => c.SayAsync("HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n")),
        After("redirect to gopher:", Outcome.BadStatus, c => c.SayAsync("HTTP/1.1 302 Found\r\nLocation: gopher://127.0.0.1/\r\n\r\n")),
        After("redirect to nowhere", Outcome.BadStatus, c => c.SayAsync("HTTP/1.1 302 Found\r\nLocation: http://\r\n\r\n")),
        After("redirect to metadata", Outcome.Denied, c => c.SayAsync("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data/\r\n\r\n")),
        After("redirect to a closed port", Outcome.ConnectFailed, c => c.SayAsync("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n")),
        After("body of invalid UTF-8", Outcome.Up, c => c.SayAsync($"{Head}\r\n\xff\xfe\xc3\x28ok\xed\xa0\x80")) with { Regex = "ok." },
        After("headers of invalid UTF-8", Outcome.Up, c => c.SayAsync($"{Head}X-Name: \xff\xc3\x28\r\n\r\nok")),
        new("TLS: says nothing", Outcome.Timeout, () => HostileServer.Start(c => c.StallAsync()), "https"),
        new("TLS: speaks HTTP", Outcome.TlsFailed, () => HostileServer.Start(c => c.SayAsync("HTTP/1.1 400 Bad Request\r\n\r\n")), "https"),
        new("TLS: closes", Outcome.TlsFailed, () => HostileServer.Start(async c => await c.Stream.ReadAtLeastAsync(new byte[16_384], 100, cancellationToken: c.Stop)), "https"),
        new("TLS: resets", Outcome.ConnectFailed, () => HostileServer.Start(async c => { await c.Stream.ReadExactlyAsync(new byte[5], c.Stop); await c.ResetAsync(); }), "https"),
        new("TLS: records of nonsense without end", Outcome.TlsFailed, () => HostileServer.Start(c => c.FloodAsync("\x16\x03\x03\x40\x00" + new string('x', 16_384))), "https"),
        new("TLS: stalls in its hello", Outcome.Timeout, () => HostileServer.Start(async c => { await c.SayAsync("\x16\x03\x03\x00\x7a\x02"); await c.StallAsync(); }), "https"),
        Tls("TLS: self-signed", Certificates.Make("localhost")),
        Tls("TLS: expired", Certificates.Make("localhost", from: -60, to: -30)),
        Tls("TLS: not valid yet", Certificates.Make("localhost", from: 30, to: 60)),
        Tls("TLS: for another host", Certificates.Make("other.example")),
        Tls("TLS: gigantic certificate", Certificates.Make("localhost", extraBytes: 150_000)),
        Second("HTTP/2: says nothing", Outcome.Timeout, c => c.StallAsync()),
        // Closed with what it has not read, which the kernel may say first.
        Second("HTTP/2: speaks HTTP/1.1", Outcome.ProtocolError, c => c.SayAsync($"{Head}\r\n")) with { Or = Outcome.ConnectFailed },
        Second("HTTP/2: resets the stream", Outcome.ProtocolError, async c => { await c.SayAsync(Frame(4, 0, 0, "")); await c.SayAsync(Frame(3, 0, 1, "\0\0\0\x02")); await c.StallAsync(); }),
        Second("HTTP/2: goes away", Outcome.ProtocolError, async c => { await c.SayAsync(Frame(4, 0, 0, "")); await c.SayAsync(Frame(7, 0, 0, "\0\0\0\0\0\0\0\x02")); await c.StallAsync(); }),
        Second("HTTP/2: pings without end", Outcome.TooLarge, async c => { await c.SayAsync(Frame(4, 0, 0, "")); await c.FloodAsync(Latin(Frame(6, 0, 0, "12345678"))); }) with { Or = Outcome.ProtocolError },
        Second("HTTP/2: settings without end", Outcome.ProtocolError, c => c.FloodAsync(Latin(Frame(4, 0, 0, "")))) with { Or = Outcome.TooLarge },
        Second("HTTP/2: headers without end", Outcome.TooLarge, async c => { await c.SayAsync(Frame(4, 0, 0, "")); await c.SayAsync(Frame(1, 0, 1, "\x88")); await c.FloodAsync(Latin(Frame(9, 0, 1, "\x00\x01x\x7f\x81\x01" + new string('y', 256)))); }) with { Or = Outcome.ProtocolError },
        Second("HTTP/2: a frame of 16 MB", Outcome.ProtocolError, async c => { await c.SayAsync(Frame(4, 0, 0, "")); await c.SayAsync("\xff\xff\xff\x00\x00\x00\x00\x00\x01"); await c.StallAsync(); }),
        Second("HTTP/2: connection reset", Outcome.ProtocolError, async c => { await c.Stream.ReadExactlyAsync(new byte[24], c.Stop); await c.ResetAsync(); }) with { Or = Outcome.ConnectFailed },
    ];

    private static HttpBehaviour On(string name, Outcome outcome, Func<Conversation, Task> talk) => new(name, outcome, () => HostileServer.Start(talk));

    private static HttpBehaviour After(string name, Outcome outcome, Func<Conversation, Task> talk) => new(name, outcome, () => HostileServer.Start(async c =>
    {
        await c.RequestAsync();
        await talk(c);
    }));

    private static HttpBehaviour Encoded(string name, Outcome outcome, string coding, Func<byte[]> body) => After(name, outcome, async c =>
    {
        await c.SayAsync($"{Head}Content-Encoding: {coding}\r\n\r\n");
        await c.SayAsync(body());
    });

    private static HttpBehaviour Tls(string name, X509Certificate2 certificate) =>
        new(name, Outcome.TlsFailed, () => HostileServer.Start(c => c.StallAsync(), certificate), "https", Host: "localhost");

    // Prior knowledge: no TLS needed to misbehave.
    private static HttpBehaviour Second(string name, Outcome outcome, Func<Conversation, Task> talk) => new(name, outcome, () => HostileServer.Start(talk), Http: Http2);

    private static async Task FloodAsync(Conversation c, string first, string then)
    {
        await c.SayAsync(first);
        await c.FloodAsync(then);
    }

    private static async Task SayAndResetAsync(Conversation c, string text)
    {
        await c.SayAsync(text);
        // What was said must not be overtaken by the reset.
        await Task.Delay(50, c.Stop);
        await c.ResetAsync();
    }

    private static async Task EmptyMembersAsync(Conversation c)
    {
        using var member = new MemoryStream();
        using (var gzip = new GZipStream(member, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Flush();
        var empty = member.ToArray().Length > 0 ? member.ToArray() : Convert.FromHexString("1F8B080000000000000303000000000000000000");
        var many = Enumerable.Repeat(empty, 1_000).SelectMany(b => b).ToArray();
        await c.SayAsync($"{Head}Content-Encoding: gzip\r\n\r\n");
        while (true)
            await c.Stream.WriteAsync(many, c.Stop);
    }

    // RFC 9113, 4.1.
    private static byte[] Frame(byte type, byte flags, int stream, string payload) =>
        [(byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length, type, flags, (byte)(stream >> 24), (byte)(stream >> 16), (byte)(stream >> 8), (byte)stream, .. Encoding.Latin1.GetBytes(payload)];

    private static string Latin(byte[] bytes) => Encoding.Latin1.GetString(bytes);

    private static byte[] Bomb(Func<Stream, Stream> pack)
    {
        var packed = new MemoryStream();
        using (var stream = pack(packed))
        {
            var zeros = new byte[1 << 20];
            for (var i = 0; i < 50; i++)
                stream.Write(zeros);
        }
        return packed.ToArray();
    }
}

/// <summary>Certificates made for a test.</summary>
public static class Certificates
{
    /// <summary>A self-signed one, or one of an authority's.</summary>
    public static X509Certificate2 Make(string host, int from = -30, int to = 30, int extraBytes = 0, X509Certificate2? issuer = null, bool authority = false)
    {
        var now = TimeProvider.System.GetUtcNow();
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={host}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(host);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(authority, false, 0, true));
        if (extraBytes > 0)
            request.CertificateExtensions.Add(new X509Extension("1.2.3.4.5", new byte[extraBytes], critical: false));
        using var made = issuer is null
            ? request.CreateSelfSigned(now.AddDays(from), now.AddDays(to))
            : request.Create(issuer, now.AddDays(from), now.AddDays(to), Guid.NewGuid().ToByteArray()).CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null, X509KeyStorageFlags.Exportable);
    }

    public static string Pem(this X509Certificate2 certificate, bool withKey = false) =>
        certificate.ExportCertificatePem() + (withKey ? "\n" + certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem() : "");
}
