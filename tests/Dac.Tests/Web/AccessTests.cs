using System.Net;
using Dac.Hosting;

namespace Dac.Tests.Web;

public sealed class AccessTests
{
    private static readonly object Target = new { url = "https://example.org/", interval = "30s" };

    [Theory]
    [InlineData("--urls=http://0.0.0.0:8080")]
    [InlineData("--urls=http://+:8080")]
    [InlineData("--urls=http://*:8080")]
    [InlineData("--urls=http://[::]:8080")]
    [InlineData("--urls=http://192.168.1.2:8080")]
    [InlineData("--urls=http://dac.example.org:8080")]
    [InlineData("--urls=http://127.0.0.1:8080;http://0.0.0.0:8081")]
    [InlineData("--http_ports=8080")]
    [InlineData("--http_ports=8080", "--Web:ApiKey=")]
    [InlineData("--urls=http://127.0.0.1:8080", "--Kestrel:Endpoints:Open:Url=http://0.0.0.0:8081")]
    public async Task To_listen_on_the_network_without_a_key_is_refused(params string[] settings)
    {
        var refusal = await Assert.ThrowsAsync<StartRefusedException>(() => WebHost.MapAsync(settings));

        Assert.Contains("Web__ApiKey", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--urls=http://localhost:8080")]
    [InlineData("--urls=http://127.0.0.2:8080;http://[::1]:8080")]
    [InlineData("--urls=http://0.0.0.0:8080", $"--Web:ApiKey={WebHost.Key}")]
    [InlineData("--http_ports=8080", $"--Web:ApiKey={WebHost.Key}")]
    public async Task To_listen_on_loopback_or_with_a_key_is_fine(params string[] settings) => await WebHost.MapAsync(settings);

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("0123456789abcdef-of-the-tesT")]
    public async Task A_write_without_the_right_key_is_unauthorized(string? key)
    {
        await using var web = await WebHost.StartAsync($"--Web:ApiKey={WebHost.Key}");
        if (key is not null)
            web.Http.DefaultRequestHeaders.Add("X-Api-Key", key);

        using var added = await web.Http.PostAsJsonAsync("/api/targets", Target, WebHost.Cancel);
        using var replaced = await web.Http.PutAsJsonAsync("/api/targets/1", Target, WebHost.Cancel);
        using var deleted = await web.Http.DeleteAsync("/api/targets/1", WebHost.Cancel);

        var problem = await WebHost.JsonAsync(added, HttpStatusCode.Unauthorized);
        Assert.Contains("X-Api-Key", problem["detail"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.DoesNotContain(WebHost.Key, problem.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal((HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized), (replaced.StatusCode, deleted.StatusCode));
    }

    [Fact]
    public async Task With_a_key_its_bearer_writes_and_anyone_reads()
    {
        await using var web = await WebHost.StartAsync($"--Web:ApiKey={WebHost.Key}");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/targets") { Content = JsonContent.Create(Target), Headers = { { "X-Api-Key", WebHost.Key } } };

        using var added = await web.Http.SendAsync(request, WebHost.Cancel);

        await WebHost.JsonAsync(added, HttpStatusCode.Created);
        Assert.Single((await web.GetAsync("/api/targets"))["targets"]!.AsArray());
    }

    [Theory]
    [InlineData("POST", "/api/targets", "evil.example:8080")]
    [InlineData("DELETE", "/api/targets/1", "localhost.evil.example")]
    [InlineData("GET", "/api/targets", "127.0.0.1.evil.example")]
    [InlineData("GET", "/", "evil.example")]
    public async Task A_foreign_host_name_is_refused_while_no_key_guards_the_service(string method, string path, string host)
    {
        await using var web = await WebHost.StartAsync();
        using var request = new HttpRequestMessage(new HttpMethod(method), path) { Headers = { Host = host } };
        if (method == "POST")
            request.Content = JsonContent.Create(Target);

        using var answer = await web.Http.SendAsync(request, WebHost.Cancel);

        var problem = await WebHost.JsonAsync(answer, HttpStatusCode.BadRequest);
        Assert.Contains(host, problem["detail"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("localhost:1234")]
    [InlineData("127.0.0.9")]
    [InlineData("[::1]:8080")]
    public async Task A_local_host_name_is_answered(string host)
    {
        await using var web = await WebHost.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/targets") { Headers = { Host = host } };

        using var answer = await web.Http.SendAsync(request, WebHost.Cancel);

        await WebHost.JsonAsync(answer, HttpStatusCode.OK);
    }
}
