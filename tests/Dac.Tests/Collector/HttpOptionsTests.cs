using System.Collections.Concurrent;
using System.IO.Compression;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Dac.Collector;
using Dac.Collector.Probing;
using Dac.Contracts;
using Dac.Tests.Collector.Hostile;
using Dac.Tests.Support;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Dac.Tests.Collector;

/// <summary>What a target of HTTP can ask for, each against a server that would show the opposite.</summary>
public sealed class HttpOptionsTests : IDisposable
{
    private readonly TempFolder _secrets = new();
    private readonly CollectorOptions _options = new();
    private readonly Lazy<IProber> _prober;

    public HttpOptionsTests()
    {
        _options.SecretsDirectory = _secrets.Path;
        _prober = new(() => Probers.Http(_options));
    }

    [Fact]
    public async Task Method_headers_and_body_are_sent_as_given()
    {
        await using var server = await StartAsync(async c =>
        {
            using var reader = new StreamReader(c.Request.Body);
            await c.Response.WriteAsync($"{c.Request.Method} {c.Request.Headers["X-A"]} {c.Request.ContentType} {await reader.ReadToEndAsync()} {c.Request.Headers.UserAgent} {c.Request.Host}");
        });
        var result = await ProbeAsync(server.Url, new()
        {
            Method = "POST", Body = "{}", Headers = new Dictionary<string, string> { ["X-A"] = "1", ["Content-Type"] = "application/json", ["User-Agent"] = "mine", ["Host"] = "other.example" },
        }, regex: ".*");
        Assert.Equal("POST 1 application/json {} mine other.example", result.Match!.Trim());
    }

    [Theory]
    [InlineData("2xx,404", 404, Outcome.Up)]
    [InlineData("200-299", 404, Outcome.BadStatus)]
    [InlineData("404", 200, Outcome.BadStatus)]
    [InlineData("500-504, 418", 418, Outcome.Up)]
    public async Task The_status_list_says_what_is_accepted(string list, int status, Outcome outcome)
    {
        await using var server = await StartAsync(c => { c.Response.StatusCode = status; return Task.CompletedTask; });
        Assert.Equal(outcome, (await ProbeAsync(server.Url, new() { Status = list })).Outcome);
    }

    [Fact]
    public async Task A_redirect_that_is_accepted_by_its_status_is_not_followed()
    {
        await using var server = await StartAsync(c => { c.Response.Redirect("http://127.0.0.1:1/"); return Task.CompletedTask; });
        var result = await ProbeAsync(server.Url, new() { Status = "2xx,302" });
        Assert.Equal((Outcome.Up, (short)302), (result.Outcome, result.StatusCode!.Value));
        Assert.Contains("redirects are not followed", (await ProbeAsync(server.Url, new() { FollowRedirects = false })).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task More_redirects_than_asked_for_are_too_many()
    {
        await using var server = await StartAsync(c => { var n = int.Parse(c.Request.Path.Value![1..]); if (n > 0) c.Response.Redirect($"/{n - 1}"); return Task.CompletedTask; });
        Assert.Equal(Outcome.Up, (await ProbeAsync(server.Url + "3", new() { MaxRedirects = 3 })).Outcome);
        Assert.Equal(Outcome.TooManyRedirects, (await ProbeAsync(server.Url + "4", new() { MaxRedirects = 3 })).Outcome);
    }

    [Theory]
    [InlineData(302, "GET ")]
    [InlineData(303, "GET ")]
    [InlineData(307, "POST b")]
    [InlineData(308, "POST b")]
    public async Task A_redirect_repeats_or_changes_the_method_as_its_status_says(int status, string expected)
    {
        await using var server = await StartAsync(async c =>
        {
            using var reader = new StreamReader(c.Request.Body);
            var body = await reader.ReadToEndAsync();
            if (c.Request.Path == "/")
                (c.Response.StatusCode, c.Response.Headers.Location) = (status, "/there");
            else
                await c.Response.WriteAsync($"{c.Request.Method} {body}");
        });
        Assert.Equal(expected, (await ProbeAsync(server.Url, new() { Method = "POST", Body = "b" }, regex: "[^|]+")).Match);
    }

    [Fact]
    public async Task All_patterns_must_match_and_none_of_the_others()
    {
        await using var server = await StartAsync(c => c.Response.WriteAsync("version 7, all well"));
        Assert.Equal("7 well", (await ProbeAsync(server.Url, new() { BodyMatches = ["version ([0-9])", "well"] })).Match);
        Assert.Equal(Outcome.NoMatch, (await ProbeAsync(server.Url, new() { BodyMatches = ["version", "ill"] })).Outcome);
        Assert.Equal(Outcome.UnwantedMatch, (await ProbeAsync(server.Url, new() { BodyForbids = ["error", "version"] })).Outcome);
        Assert.Equal(Outcome.Up, (await ProbeAsync(server.Url, new() { BodyForbids = ["error"] })).Outcome);
    }

    [Theory]
    [InlineData("X-Cache: ^HIT$", null, Outcome.Up)]
    [InlineData("x-cache: MISS", null, Outcome.HeaderMismatch)]
    [InlineData("X-None: .", null, Outcome.HeaderMismatch)]
    [InlineData("Content-Encoding: gzip", null, Outcome.Up)]
    [InlineData(null, "X-Cache: HIT", Outcome.HeaderMismatch)]
    [InlineData(null, "X-None: .", Outcome.Up)]
    public async Task Headers_are_asserted(string? matches, string? forbids, Outcome outcome)
    {
        await using var server = await StartAsync(async c =>
        {
            c.Response.Headers["X-Cache"] = "HIT";
            c.Response.Headers.ContentEncoding = "gzip";
            await using var gzip = new GZipStream(c.Response.Body, CompressionLevel.Fastest);
            await gzip.WriteAsync("ok"u8.ToArray());
        });
        Assert.Equal(outcome, (await ProbeAsync(server.Url, new() { HeaderMatches = matches is null ? null : [matches], HeaderForbids = forbids is null ? null : [forbids] })).Outcome);
    }

    [Theory]
    [InlineData("status", "up", Outcome.Up)]
    [InlineData("status", "\"up\"", Outcome.Up)]
    [InlineData("status", "down", Outcome.AssertionFailed)]
    [InlineData("checks[?name=='db'].ms | [0]", "12", Outcome.Up)]
    [InlineData("checks[?name=='db'].ms | [0]", "12.0", Outcome.Up)]
    [InlineData("length(checks) > `1`", null, Outcome.Up)]
    [InlineData("length(checks) > `2`", null, Outcome.AssertionFailed)]
    [InlineData("missing", null, Outcome.AssertionFailed)]
    [InlineData("missing", "null", Outcome.Up)]
    [InlineData("tags", "[\"a\", \"b\"]", Outcome.Up)]
    [InlineData("sum(status)", null, Outcome.AssertionFailed)]
    public async Task The_body_is_asserted_as_JSON(string json, string? value, Outcome outcome)
    {
        await using var server = await StartAsync(c => c.Response.WriteAsync("""{"status":"up","tags":["a","b"],"checks":[{"name":"db","ms":12},{"name":"mq","ms":3}]}"""));
        var result = await ProbeAsync(server.Url, new() { Json = json, JsonValue = value });
        Assert.Equal((outcome, outcome == Outcome.Up), (result.Outcome, result.Error is null));
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("{\"a\":1} and more")]
    [InlineData("")]
    public async Task A_body_that_is_not_JSON_fails_the_assertion(string body)
    {
        await using var server = await StartAsync(c => c.Response.WriteAsync(body));
        Assert.Contains("not JSON", (await ProbeAsync(server.Url, new() { Json = "a" })).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deeply_nested_JSON_does_no_harm()
    {
        await using var server = await StartAsync(c => c.Response.WriteAsync(new string('[', 400_000)));
        Assert.Equal(Outcome.AssertionFailed, (await ProbeAsync(server.Url, new() { Json = "a" })).Outcome);
    }

    [Fact]
    public async Task A_slow_answer_is_degraded_and_a_wrong_one_down()
    {
        await using var server = await StartAsync(async c => { await Task.Delay(60); c.Response.StatusCode = c.Request.Path == "/" ? 200 : 500; });
        var slow = await ProbeAsync(server.Url, null, latencyLimitMs: 20);
        Assert.Equal(Outcome.Degraded, slow.Outcome);
        Assert.EndsWith("the limit is 20 ms", slow.Error, StringComparison.Ordinal);
        Assert.Equal(Outcome.Up, (await ProbeAsync(server.Url, null, latencyLimitMs: 9_000)).Outcome);
        Assert.Equal(Outcome.BadStatus, (await ProbeAsync(server.Url + "x", null, latencyLimitMs: 20)).Outcome);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    [InlineData("deflate")]
    [InlineData("raw deflate")]
    public async Task A_compressed_body_is_decompressed_and_counted_so(string coding)
    {
        string? asked = null;
        await using var server = await StartAsync(async c =>
        {
            asked = c.Request.Headers.AcceptEncoding;
            c.Response.Headers.ContentEncoding = coding.Split(' ')[^1];
            await using Stream packed = coding switch
            {
                "gzip" => new GZipStream(c.Response.Body, CompressionLevel.Fastest),
                "br" => new BrotliStream(c.Response.Body, CompressionLevel.Fastest),
                "deflate" => new ZLibStream(c.Response.Body, CompressionLevel.Fastest),
                _ => new DeflateStream(c.Response.Body, CompressionLevel.Fastest),
            };
            await packed.WriteAsync(Encoding.UTF8.GetBytes(new string('a', 5_000) + "end"));
        });
        var result = await ProbeAsync(server.Url, new(), regex: "end");
        Assert.Equal((Outcome.Up, "end", 5_003), (result.Outcome, result.Match, result.Bytes));
        Assert.Equal("gzip, br, deflate", asked);
        Assert.Equal(Outcome.TooLarge, (await ProbeAsync(server.Url, new() { MaxBytes = 5_002 })).Outcome);
        await ProbeAsync(server.Url, new() { Compression = false });
        Assert.True(string.IsNullOrEmpty(asked));
    }

    [Theory]
    [InlineData("1.1", "HTTP/1.1")]
    [InlineData("2", "HTTP/2")]
    public async Task The_version_is_the_one_that_was_asked_for(string version, string spoken)
    {
        await using var server = await StartAsync(c => c.Response.WriteAsync(c.Request.Protocol), https => https.ServerCertificate = Authority.Server);
        var result = await ProbeAsync(server.Url, new() { Version = version }, new() { Ca = Secret("ca", Authority.Root.Pem()) }, regex: ".+");
        Assert.Equal((Outcome.Up, spoken), (result.Outcome, result.Match));
        Assert.All([result.ConnectUs, result.TlsUs, result.FirstByteUs, result.TransferUs], p => Assert.NotNull(p));
    }

    [Fact]
    public async Task HTTP_3_needs_QUIC_and_says_so()
    {
        if (System.Net.Quic.QuicConnection.IsSupported)
            Assert.Skip("This machine has QUIC.");
        Assert.Contains("libmsquic", (await ProbeAsync("https://127.0.0.1:1/", new() { Version = "3" })).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Credentials_are_looked_up_and_sent()
    {
        await using var server = await StartAsync(c => c.Response.WriteAsync($"{c.Request.Headers.Authorization}|{c.Request.Headers["X-Api-Key"]}"));
        Environment.SetEnvironmentVariable("DAC_SECRET_HTTP_OPTIONS_TESTS", "p:w");
        var basic = await ProbeAsync(server.Url, new() { BasicUser = "ü", BasicPassword = "env:DAC_SECRET_HTTP_OPTIONS_TESTS" }, regex: ".+");
        Assert.Equal($"Basic {Convert.ToBase64String("ü:p:w"u8)}|", basic.Match);
        var bearer = await ProbeAsync(server.Url, new() { Bearer = Secret("token", "t0k\n"), SecretHeaders = new Dictionary<string, string> { ["X-Api-Key"] = Secret("key", "k") } }, regex: ".+");
        Assert.Equal("Bearer t0k|k", bearer.Match);
    }

    [Theory]
    [InlineData("env:DAC_SECRET_NOT_THERE", "no environment variable DAC_SECRET_NOT_THERE")]
    [InlineData("file:not-there", "there is no such file")]
    [InlineData("env:PATH", "can't be read")]
    [InlineData("file:../../etc/passwd", "can't be read")]
    [InlineData("file:/etc/passwd", "can't be read")]
    [InlineData("hunter2", "can't be read")]
    public async Task A_secret_that_is_not_there_is_the_observers_fault_and_nothing_else_can_be_named(string reference, string error)
    {
        var asked = false;
        await using var server = await StartAsync(c => { asked = true; return Task.CompletedTask; });
        var result = await ProbeAsync(server.Url, new() { Bearer = reference });
        Assert.Equal((Outcome.SecretFault, false), (result.Outcome, asked));
        Assert.Contains(error, result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_secret_cannot_break_out_of_its_header() =>
        Assert.Equal(Outcome.SecretFault, (await ProbeAsync("http://127.0.0.1:1/", new() { Bearer = Secret("evil", "a\r\nX-Evil: b") })).Outcome);

    [Fact]
    public async Task What_is_secret_is_not_sent_to_another_host_by_a_redirect()
    {
        var seen = new ConcurrentQueue<string>();
        await using var other = await StartAsync(c => { seen.Enqueue(string.Join(';', c.Request.Headers.Select(h => $"{h.Key}={h.Value}"))); return Task.CompletedTask; });
        await using var server = await StartAsync(c =>
        {
            seen.Enqueue(string.Join(';', c.Request.Headers.Select(h => $"{h.Key}={h.Value}")));
            c.Response.Redirect(c.Request.Path == "/" ? "/again" : other.Url.Replace("127.0.0.1", "localhost"));
            return Task.CompletedTask;
        });
        var result = await ProbeAsync(server.Url, new()
        {
            BasicUser = "u", BasicPassword = Secret("p", "hunter2"), SecretHeaders = new Dictionary<string, string> { ["X-Api-Key"] = Secret("k", "hunter3") },
            Headers = new Dictionary<string, string> { ["X-Own"] = "hunter4", ["Accept"] = "text/plain" },
        });
        Assert.Equal((Outcome.Up, 3), (result.Outcome, seen.Count));
        Assert.All(seen.Take(2), h => Assert.True(h.Contains("hunter3", StringComparison.Ordinal) && h.Contains("Authorization", StringComparison.Ordinal) && h.Contains("hunter4", StringComparison.Ordinal)));
        Assert.DoesNotContain("hunter", seen.Last(), StringComparison.Ordinal);
        Assert.DoesNotContain("Authorization", seen.Last(), StringComparison.Ordinal);
        Assert.Contains("text/plain", seen.Last(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_proxy_is_used_with_its_password_and_the_guard_still_sees_addresses()
    {
        var requests = new ConcurrentQueue<string>();
        await using var proxy = HostileServer.Start(async c =>
        {
            var request = await c.RequestAsync();
            requests.Enqueue(request);
            await c.SayAsync(request.Contains("Proxy-Authorization", StringComparison.Ordinal)
                ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
                : "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        });
        var http = new HttpOptions { Proxy = $"http://127.0.0.1:{proxy.Port}", ProxyUser = "u", ProxyPassword = Secret("proxy", "pw") };
        Assert.Equal(Outcome.Up, (await ProbeAsync("http://name.example/", http)).Outcome);
        Assert.Contains(requests, r => r.StartsWith("GET http://name.example/ HTTP/1.1", StringComparison.Ordinal) && r.Contains(Convert.ToBase64String("u:pw"u8), StringComparison.Ordinal));
        Assert.Equal(Outcome.Denied, (await ProbeAsync("http://169.254.169.254/", http)).Outcome);
        _options.MultiTenant = true;
        Assert.Equal(Outcome.Denied, (await ProbeAsync("http://name.example/", http, fresh: true)).Outcome);
    }

    [Fact]
    public async Task Own_authorities_are_trusted_alone_and_the_expiry_is_stored()
    {
        await using var server = await StartAsync(c => c.Response.WriteAsync("ok"), https => https.ServerCertificate = Authority.Server);
        var result = await ProbeAsync(server.Url, null, new() { Ca = Secret("ca", Authority.Root.Pem()) });
        Assert.Equal(Outcome.Up, result.Outcome);
        Assert.Equal(new DateTimeOffset(Authority.Server.NotAfter).ToUnixTimeMilliseconds(), result.TlsExpiresAtMs);
        Assert.Equal(Outcome.TlsFailed, (await ProbeAsync(server.Url, null, new() { Ca = Secret("other", Certificates.Make("localhost").Pem()) })).Outcome);
        Assert.Equal(Outcome.TlsFailed, (await ProbeAsync(server.Url, null)).Outcome);
        Assert.Equal(Outcome.SecretFault, (await ProbeAsync(server.Url, null, new() { Ca = Secret("text", "no pem") })).Outcome);
    }

    [Fact]
    public async Task Verification_can_be_skipped_the_name_changed_and_an_expiry_that_is_near_is_degraded()
    {
        await using var server = await StartAsync(c => c.Response.WriteAsync("ok"), https => https.ServerCertificate = Authority.Server);
        var byAddress = server.Url.Replace("localhost", "127.0.0.1");
        var ca = Secret("ca", Authority.Root.Pem());
        Assert.Equal(Outcome.Up, (await ProbeAsync(byAddress, null, new() { SkipVerify = true })).Outcome);
        Assert.Equal(Outcome.TlsFailed, (await ProbeAsync(byAddress, null, new() { Ca = ca })).Outcome);
        Assert.Equal(Outcome.Up, (await ProbeAsync(byAddress, null, new() { Ca = ca, ServerName = "localhost" })).Outcome);
        var near = await ProbeAsync(server.Url, null, new() { Ca = ca, MinDays = 60 });
        Assert.Equal(Outcome.Degraded, near.Outcome);
        Assert.Contains("in less than 60 days", near.Error, StringComparison.Ordinal);
        Assert.Equal(Outcome.Up, (await ProbeAsync(server.Url, null, new() { Ca = ca, MinDays = 2, MinVersion = "1.3" })).Outcome);
    }

    [Fact]
    public async Task A_client_certificate_is_presented_to_the_targets_own_host_alone()
    {
        var client = Certificates.Make("client");
        var seen = new ConcurrentQueue<string?>();
        void Ask(HttpsConnectionAdapterOptions https)
        {
            https.ServerCertificate = Authority.Server;
            https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
            https.ClientCertificateValidation = (_, _, _) => true;
        }
        await using var other = await StartAsync(c => { seen.Enqueue(c.Connection.ClientCertificate?.Subject); return Task.CompletedTask; }, Ask);
        await using var server = await StartAsync(c => { seen.Enqueue(c.Connection.ClientCertificate?.Subject); c.Response.Redirect(other.Url); return Task.CompletedTask; }, Ask);
        var tls = new TlsOptions { Ca = Secret("ca", Authority.Root.Pem()), ClientCertificate = Secret("client", client.Pem(withKey: true)) };
        Assert.Equal(Outcome.Up, (await ProbeAsync(server.Url, null, tls)).Outcome);
        Assert.Equal(["CN=client", null], seen);
    }

    [Fact]
    public async Task A_connection_is_fresh_unless_it_is_to_be_kept()
    {
        await using var server = await StartAsync(c => c.Response.WriteAsync(c.Connection.Id));
        var kept = new[] { await ProbeAsync(server.Url, new() { ReuseConnection = true }, regex: ".+"), await ProbeAsync(server.Url, new() { ReuseConnection = true }, regex: ".+") };
        Assert.Equal(kept[0].Match, kept[1].Match);
        Assert.NotNull(kept[0].ConnectUs);
        Assert.Null(kept[1].ConnectUs);
        Assert.NotNull(kept[1].FirstByteUs);
        var fresh = new[] { await ProbeAsync(server.Url, new(), regex: ".+"), await ProbeAsync(server.Url, new(), regex: ".+") };
        Assert.NotEqual(fresh[0].Match, fresh[1].Match);
        Assert.All(fresh, f => Assert.NotNull(f.ConnectUs));
    }

    [Fact]
    public async Task A_name_server_of_the_targets_own_is_asked()
    {
        await using var server = await StartAsync(c => c.Response.WriteAsync("ok"));
        using var names = LocalNameServer.Start(name => name == "there.example" ? [IPAddress.Parse("::1"), IPAddress.Loopback] : null);
        var port = new Uri(server.Url).Port;
        var network = new NetworkOptions { Resolver = names.Address };
        foreach (var version in new[] { null, "4", "prefer4", "prefer6", "any" })
            Assert.Equal((Outcome.Up, version), ((await ProbeAsync($"http://there.example:{port}/", null, network: network with { IpVersion = version })).Outcome, version));
        Assert.Equal(Outcome.ConnectFailed, (await ProbeAsync($"http://there.example:{port}/", null, network: network with { IpVersion = "6" })).Outcome);
        Assert.Equal(Outcome.NameNotFound, (await ProbeAsync($"http://elsewhere.example:{port}/", null, network: network)).Outcome);
        _options.DeniedNetworks = "127.0.0.0/8";
        Assert.Contains("name server", (await ProbeAsync($"http://there.example:{port}/", null, network: network, fresh: true)).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_server_that_does_not_answer_is_the_observers_fault()
    {
        using var names = LocalNameServer.Start(_ => [], () => Task.Delay(Timeout.Infinite));
        Assert.Equal(Outcome.ResolverFault, (await ProbeAsync("http://there.example/", null, network: new() { Resolver = names.Address }, timeoutMs: 400)).Outcome);
    }

    [Fact]
    public async Task An_address_that_says_nothing_leaves_time_for_the_next()
    {
        await using var full = HostileServer.Full();
        // The same port at the second address.
        await using var server = await StartAsync(c => c.Response.WriteAsync("ok"), port: full.Port, address: IPAddress.Parse("127.0.0.7"));
        using var names = LocalNameServer.Start(_ => [IPAddress.Loopback, IPAddress.Parse("127.0.0.7")]);
        Assert.Equal(Outcome.Up, (await ProbeAsync($"http://there.example:{full.Port}/", null, network: new() { Resolver = names.Address }, timeoutMs: 4_000)).Outcome);
    }

    [Fact]
    public async Task Bodies_beyond_the_memory_wait_and_their_rows_say_so()
    {
        (_options.MaxBodyMemory, _options.MaxBodyBytes) = (3_000_000, 1_000_000);
        var turn = new SemaphoreSlim(0);
        await using var server = await StartAsync(async c =>
        {
            await c.Response.WriteAsync(new string('a', 100_000));
            await c.Response.Body.FlushAsync();
            await turn.WaitAsync(c.RequestAborted);
            await c.Response.WriteAsync("end");
        });
        var first = ProbeAsync(server.Url, new(), regex: "end", timeoutMs: 20_000);
        var second = ProbeAsync(server.Url, new(), regex: "end", timeoutMs: 20_000);
        var starved = await ProbeAsync(server.Url, new(), regex: "end", timeoutMs: 700);
        Assert.Contains(starved.Outcome, new[] { Outcome.ResourceFault, Outcome.Timeout });
        turn.Release(3);
        var results = await Task.WhenAll(first, second);
        Assert.All(results, r => Assert.Equal(Outcome.Up, r.Outcome));
        Assert.Contains(results.Append(starved), r => r.Flags.HasFlag(ProbeRemarks.Saturated));
    }

    [Fact]
    public void Connections_to_one_host_have_a_rate()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        var rate = new ConnectRate(Microsoft.Extensions.Options.Options.Create(new CollectorOptions { MaxConnectsPerSecond = 10 }), time);
        for (var i = 0; i < 10; i++)
            Assert.Equal(TimeSpan.Zero, rate.Next($"http://HOST/{i}", TimeSpan.Zero));
        Assert.Null(rate.Next("http://host/?x", TimeSpan.FromMilliseconds(50)));
        Assert.Equal(100, rate.Next("http://host#f", TimeSpan.FromMilliseconds(150))!.Value.TotalMilliseconds, 1.0);
        Assert.Equal(TimeSpan.Zero, rate.Next("http://other/", TimeSpan.Zero));
        time.Advance(TimeSpan.FromMilliseconds(250));
        Assert.Equal(TimeSpan.Zero, rate.Next("http://host/", TimeSpan.Zero));
    }

    public void Dispose()
    {
        if (_prober.IsValueCreated)
            ((IDisposable)_prober.Value).Dispose();
        _secrets.Dispose();
    }

    private string Secret(string name, string value)
    {
        File.WriteAllText(_secrets.File(name), value);
        return $"file:{name}";
    }

    private async Task<ProbeResult> ProbeAsync(
        string url, HttpOptions? http, TlsOptions? tls = null, NetworkOptions? network = null, string? regex = null, int timeoutMs = 10_000, int? latencyLimitMs = null, bool fresh = false)
    {
        var probe = new ProbeUrl { TargetId = 1, ScheduledAtMs = 0, Url = url, Http = http, Tls = tls, Network = network, Regex = regex, TimeoutMs = timeoutMs, ToleranceMs = 500, LatencyLimitMs = latencyLimitMs };
        var measurement = new Measurement(TimeProvider.System);
        using var timeout = new CancellationTokenSource(timeoutMs);
        await (fresh ? Probers.Http(_options) : _prober.Value).ProbeAsync(probe, measurement, timeout.Token);
        return measurement.ToResult(probe, 0, ProbeRemarks.None);
    }

    private static async Task<Server> StartAsync(RequestDelegate answer, Action<HttpsConnectionAdapterOptions>? https = null, int port = 0, IPAddress? address = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(k => k.Listen(address ?? IPAddress.Loopback, port, l =>
        {
            l.Protocols = https is null ? HttpProtocols.Http1 : HttpProtocols.Http1AndHttp2;
            if (https is not null)
                l.UseHttps(https);
        }));
        var app = builder.Build();
        app.Run(answer);
        await app.StartAsync();
        return new Server(app, app.Urls.First().Replace("127.0.0.1", https is null ? "127.0.0.1" : "localhost") + "/");
    }

    private sealed record Server(WebApplication App, string Url) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => App.DisposeAsync();
    }

    private static class Authority
    {
        public static readonly X509Certificate2 Root = Certificates.Make("DAC test authority", from: -30, to: 20, authority: true);

        public static readonly X509Certificate2 Server = Certificates.Make("localhost", from: -5, to: 18, issuer: Root);
    }
}
