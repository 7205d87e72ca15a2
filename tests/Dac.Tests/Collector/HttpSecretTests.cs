using System.Collections.Concurrent;
using Dac.Contracts;
using Dac.Tests.Collector.Hostile;

namespace Dac.Tests.Collector;

/// <summary>Credentials and proxies of a target of HTTP, and to whom they are shown.</summary>
public sealed class HttpSecretTests : HttpTests
{
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
            BasicUser = "u",
            BasicPassword = Secret("p", "hunter2"),
            SecretHeaders = new Dictionary<string, string> { ["X-Api-Key"] = Secret("k", "hunter3") },
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
        Settings.MultiTenant = true;
        Assert.Equal(Outcome.Denied, (await ProbeAsync("http://name.example/", http, fresh: true)).Outcome);
    }
}
