using System.Text;
using Dac.Contracts;
using Dac.Tests.Collector.Hostile;
using Dac.Tests.Support;

namespace Dac.Tests.Collector;

/// <summary>What goes over the wire of HTTP/1.1, and what becomes of connections.</summary>
public sealed class SocketExchangeTests
{
    private const string Answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    [Fact]
    public async Task A_request_is_what_it_always_was()
    {
        var version = typeof(Dac.Collector.CollectorOptions).Assembly.GetName().Version!.ToString(2);
        var (request, port) = await RequestAsync(new());
        Assert.Equal($"GET /a%20b?c=d HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: DAC/{version}\r\nAccept: */*\r\nAccept-Encoding: gzip, br, deflate\r\nConnection: close\r\n\r\n", request);
    }

    [Fact]
    public async Task Headers_of_the_targets_own_take_the_place_of_the_probers()
    {
        var (request, _) = await RequestAsync(new()
        {
            Method = "PUT",
            Body = "ü\n",
            Compression = false,
            ReuseConnection = true,
            Headers = new Dictionary<string, string> { ["host"] = "other.example", ["USER-AGENT"] = "mine", ["accept"] = "text/html", ["content-type"] = "text/x", ["X-Latin"] = "é" },
        });
        Assert.Equal("PUT /a%20b?c=d HTTP/1.1\r\nhost: other.example\r\nUSER-AGENT: mine\r\naccept: text/html\r\ncontent-type: text/x\r\nX-Latin: é\r\nContent-Length: 3\r\n\r\n", request[..(request.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)]);
    }

    [Theory]
    [InlineData("POST", "Content-Length: 0\r\n")]
    [InlineData("PATCH", "Content-Length: 0\r\n")]
    [InlineData("DELETE", null)]
    [InlineData("OPTIONS", null)]
    public async Task A_method_that_has_a_body_says_how_long_it_is(string method, string? line)
    {
        var (request, _) = await RequestAsync(new() { Method = method });
        Assert.Equal(line is not null, request.Contains("Content-Length", StringComparison.Ordinal));
        Assert.Contains(line ?? "Connection: close\r\n\r\n", request, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("X-A", "a\r\nX-Evil: b")]
    [InlineData("X-A", "a\nX-Evil: b")]
    [InlineData("X-A", "a\rb")]
    [InlineData("X-A", "a\0b")]
    [InlineData("X-A", "\u010a")]
    [InlineData("X-A: b\r\nX-Evil", "c")]
    [InlineData("", "c")]
    [InlineData("Content-Length", "3")]
    [InlineData("transfer-encoding", "chunked")]
    public async Task What_would_break_out_of_a_header_is_not_sent(string name, string value)
    {
        var asked = false;
        await using var server = HostileServer.Start(c => { asked = true; return Task.CompletedTask; });
        var result = await ProbeOnce.RunAsync($"http://127.0.0.1:{server.Port}/", p => p with { Http = new() { Headers = new Dictionary<string, string> { [name] = value } } });
        Assert.Equal((Outcome.Unprobeable, false), (result.Outcome, asked));
    }

    [Fact]
    public async Task A_method_that_is_none_is_not_sent() =>
        Assert.Equal(Outcome.Unprobeable, (await ProbeOnce.RunAsync("http://127.0.0.1:1/", p => p with { Http = new() { Method = "GET / HTTP/1.1\r\nX: y\r\n\r\nGET" } })).Outcome);

    [Fact]
    public async Task A_long_request_arrives_whole()
    {
        var body = new string('b', 8_000);
        var received = new TaskCompletionSource<int>();
        await using var server = HostileServer.Start(async c =>
        {
            var bytes = new byte[100_000];
            var read = 0;
            while (!Encoding.Latin1.GetString(bytes, 0, read).EndsWith(body, StringComparison.Ordinal))
                read += await c.Stream.ReadAsync(bytes.AsMemory(read), c.Stop);
            received.SetResult(read);
            await c.SayAsync(Answer);
        });
        var headers = Enumerable.Range(0, 32).ToDictionary(i => $"X-{i}", _ => new string('h', 2_000));
        var result = await ProbeOnce.RunAsync($"http://127.0.0.1:{server.Port}/", p => p with { Http = new() { Method = "POST", Body = body, Headers = headers } });
        Assert.Equal(Outcome.Up, result.Outcome);
        Assert.InRange(await received.Task, 72_000, 73_000);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 1)]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 1)]
    [InlineData("HTTP/1.1 204 No Content\r\n\r\n", 1)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", 3)]
    [InlineData("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 3)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and what nobody asked for", 3)]
    public async Task A_connection_is_kept_where_it_is_good_for_another_request(string answer, int connections)
    {
        var seen = 0;
        await using var server = HostileServer.Start(async c =>
        {
            Interlocked.Increment(ref seen);
            while ((await c.RequestAsync()).Length > 0)
                await c.SayAsync(answer);
        });
        foreach (var _ in Enumerable.Range(0, 3))
            Assert.Equal(Outcome.Up, (await KeptAsync(server, "GET")).Outcome);
        Assert.Equal(connections, seen);
    }

    [Fact]
    public async Task A_connection_that_rests_holds_on_to_none_of_the_probes_that_it_has_served_since_it_was_opened()
    {
        await using var server = HostileServer.Start(async c =>
        {
            while ((await c.RequestAsync()).Length > 0)
                await c.SayAsync(Answer);
        });
        await KeptAsync(server, "GET");
        WeakReference? served = null;
        await KeptAsync(server, "GET", seen: probe => served = new(probe));
        await Until.TrueAsync(
            () =>
            {
                GC.Collect();
                return !served!.IsAlive;
            },
            "the end of the probe that was served");
        Assert.Null((await KeptAsync(server, "GET")).ConnectUs);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_kept_connection_that_ends_under_a_request_is_opened_anew(bool reset)
    {
        var seen = 0;
        await using var server = HostileServer.Start(async c =>
        {
            var first = Interlocked.Increment(ref seen) == 1;
            await c.RequestAsync();
            await c.SayAsync(Answer);
            // Not before the next request is here: it must have been sent on this one.
            await c.RequestAsync();
            if (first && reset)
                await c.ResetAsync();
            else if (!first)
                await c.SayAsync(Answer);
        });
        Assert.Equal((Outcome.Up, true), (await KeptAsync(server, "GET") is var one ? one.Outcome : default, one.ConnectUs is not null));
        var again = await KeptAsync(server, "GET");
        Assert.Equal((Outcome.Up, true, 2), (again.Outcome, again.ConnectUs is not null, seen));
    }

    [Fact]
    public async Task What_changes_something_is_not_sent_twice()
    {
        await using var server = HostileServer.Start(async c =>
        {
            await c.RequestAsync();
            await c.SayAsync(Answer);
            await c.RequestAsync();
        });
        Assert.Equal(Outcome.Up, (await KeptAsync(server, "POST", "a")).Outcome);
        Assert.Equal(Outcome.ProtocolError, (await KeptAsync(server, "POST", "a")).Outcome);
    }

    [Fact]
    public async Task A_kept_connection_that_ended_meanwhile_is_not_used()
    {
        var closed = new SemaphoreSlim(0);
        await using var server = HostileServer.Start(async c =>
        {
            await c.RequestAsync();
            await c.SayAsync(Answer);
            await c.ResetAsync();
            closed.Release();
        });
        Assert.Equal(Outcome.Up, (await KeptAsync(server, "POST", "a")).Outcome);
        await closed.WaitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(Outcome.Up, (await KeptAsync(server, "POST", "a")).Outcome);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_nobody_asked_for_is_no_answer_to_the_next_request(bool tls)
    {
        using var certificate = Certificates.Make("127.0.0.1");
        var said = new SemaphoreSlim(0);
        await using var server = HostileServer.Start(
            async c =>
            {
                while ((await c.RequestAsync()).Length > 0)
                {
                    await c.SayAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
                    // Behind the answer to a HEAD comes nothing; this is a record of its own.
                    await c.SayAsync("HTTP/1.1 500 Not Asked\r\nContent-Length: 0\r\n\r\n");
                    await c.ArrivedAsync();
                    said.Release();
                }
            },
            tls ? certificate : null);
        foreach (var _ in Enumerable.Range(0, 3))
        {
            var result = await KeptAsync(server, "HEAD", scheme: tls ? "https" : "http");
            Assert.Equal((Outcome.Up, true), (result.Outcome, result.ConnectUs is not null));
            await said.WaitAsync(TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task The_measurement_does_not_wait_for_the_servers_close()
    {
        await using var server = HostileServer.Start(async c =>
        {
            await c.RequestAsync();
            await c.SayAsync(Answer);
            await c.StallAsync();
        });
        Assert.InRange((await ProbeOnce.RunAsync($"http://127.0.0.1:{server.Port}/")).TotalUs!.Value, 0, 900_000);
    }

    [Fact]
    public async Task The_server_is_let_close_first()
    {
        var over = new TaskCompletionSource<bool>();
        await using var server = HostileServer.Start(async c =>
        {
            await c.RequestAsync();
            await c.SayAsync(Answer);
            // As long as the prober waits, a read here has no end to report.
            var end = c.Stream.ReadAsync(new byte[1], c.Stop).AsTask();
            over.SetResult(await Task.WhenAny(end, Task.Delay(100, c.Stop)) != end);
        });
        Assert.Equal(Outcome.Up, (await ProbeOnce.RunAsync($"http://127.0.0.1:{server.Port}/")).Outcome);
        Assert.True(await over.Task);
    }

    private static Task<ProbeResult> KeptAsync(HostileServer server, string method, string? body = null, string scheme = "http", Action<ProbeUrl>? seen = null) =>
        ProbeOnce.RunAsync(
            $"{scheme}://127.0.0.1:{server.Port}/",
            p =>
            {
                p = p with { TargetId = server.Port, Http = new() { ReuseConnection = true, Method = method, Body = body }, Tls = scheme == "https" ? new() { SkipVerify = true } : null };
                seen?.Invoke(p);
                return p;
            });

    private static async Task<(string Request, int Port)> RequestAsync(HttpOptions http)
    {
        var request = "";
        await using var server = HostileServer.Start(async c =>
        {
            request = await c.RequestAsync();
            await c.SayAsync(Answer);
        });
        Assert.Equal(Outcome.Up, (await ProbeOnce.RunAsync($"http://127.0.0.1:{server.Port}/a b?c=d", p => p with { Http = http })).Outcome);
        return (request, server.Port);
    }
}
