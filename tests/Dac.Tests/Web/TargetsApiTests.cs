using System.Net;
using System.Text;
using Dac.Contracts;

namespace Dac.Tests.Web;

public sealed class TargetsApiTests
{
    [Fact]
    public async Task A_target_is_added_read_replaced_and_deleted()
    {
        await using var web = await WebHost.StartAsync();

        using var added = await web.Http.PostAsJsonAsync("/api/targets", new { key = "home", url = "https://example.org/", interval = "30s" }, WebHost.Cancel);
        var target = await WebHost.JsonAsync(added, HttpStatusCode.Created);
        var path = added.Headers.Location!.ToString();
        Assert.Equal($"/api/targets/{target["id"]}", path);
        Assert.Equal("""{"key":"home","url":"https://example.org/","interval":"30s"}""", (await web.GetAsync(path))["definition"]!.ToJsonString());

        var replaced = await web.SendAsync(HttpMethod.Put, path, """{"key": "start", "url": "https://example.org/start", "cron": "*/5 * * * *"}""", HttpStatusCode.OK);
        Assert.Equal("start", replaced["key"]!.GetValue<string>());
        Assert.True(replaced["revision"]!.GetValue<long>() > target["revision"]!.GetValue<long>());

        using var deleted = await web.Http.DeleteAsync(path, WebHost.Cancel);
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        await web.GetAsync(path, HttpStatusCode.NotFound);
        Assert.Empty((await web.GetAsync("/api/targets"))["targets"]!.AsArray());
    }

    [Theory]
    [InlineData("""{"url": "https://example.org/", "intervall": "30s"}""", "intervall")]
    [InlineData("""{"url": "https://example.org/", "interval": 30}""", "interval")]
    [InlineData("""{"url": "https://example.org/", "interval": "30s", "tags": "a"}""", "tags")]
    [InlineData("""{"url": "https://example.org/", "interval": "30s", "paused": "yes"}""", "paused")]
    [InlineData("""{"url": "example.org", "interval": "30s"}""", "url")]
    [InlineData("""{"url": "ftp://example.org/", "interval": "30s"}""", "url")]
    [InlineData("""{"url": "https://user:hunter2@example.org/", "interval": "30s"}""", "url")]
    [InlineData("""{"url": "https://example.org/", "interval": "999ms"}""", "interval")]
    [InlineData("""{"url": "https://example.org/"}""", "interval")]
    [InlineData("""{"url": "https://example.org/", "interval": "30s", "regex": "("}""", "regex")]
    [InlineData("""{"url": "https://example.org/", "interval": "30s", "http": "GET"}""", "http")]
    [InlineData("""{"url": "https://example.org/", "interval": "30s", "http": {"metod": "GET"}}""", "http.metod")]
    [InlineData("""{"url": "https://example.org/", "interval": "30s", "http": {"maxBytes": "many"}}""", "http.maxBytes")]
    [InlineData("""{"url": "https://example.org/", "interval": "30s", "http": {"status": "2xxx"}}""", "http.status")]
    [InlineData("""{"url": "https://example.org/", "interval": "30s", "tls": {"skipVerify": "no"}}""", "tls.skipVerify")]
    [InlineData("""{"url": "https://example.org/", "interval": "30s", "http": {"bearer": "hunter2"}}""", "http.bearer")]
    [InlineData("""{"url": """, "body")]
    [InlineData("[]", "body")]
    [InlineData("null", "body")]
    [InlineData("", "body")]
    [InlineData(null, "body")]
    public async Task A_bad_definition_is_refused_with_the_name_of_the_field_and_a_fix(string? body, string field)
    {
        await using var web = await WebHost.StartAsync();

        var problem = await web.SendAsync(HttpMethod.Post, "/api/targets", body, HttpStatusCode.BadRequest);

        var error = Assert.Single(problem["errors"]!.AsArray())!;
        Assert.Equal(field, error["field"]!.GetValue<string>());
        Assert.NotEmpty(error["problem"]!.GetValue<string>());
        Assert.NotEmpty(error["fix"]!.GetValue<string>());
        Assert.DoesNotContain("hunter2", problem.ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Options_come_back_as_they_were_given()
    {
        await using var web = await WebHost.StartAsync();
        const string Body = """{"url":"https://example.org/","interval":"30s","latencyLimit":"1s","tls":{"skipVerify":false,"minDays":14},"http":{"status":"2xx,301","headers":{"Accept":"text/html"},"followRedirects":false,"bodyMatches":["ok"]}}""";

        var added = await web.SendAsync(HttpMethod.Post, "/api/targets", Body, HttpStatusCode.Created);

        Assert.True(System.Text.Json.Nodes.JsonNode.DeepEquals(System.Text.Json.Nodes.JsonNode.Parse(Body), added["definition"]), added["definition"]!.ToJsonString());
    }

    [Fact]
    public async Task All_bad_fields_are_listed_at_once()
    {
        await using var web = await WebHost.StartAsync();

        var problem = await web.SendAsync(HttpMethod.Post, "/api/targets", """{"url": "ftp://example.org/", "interval": "0.5s", "timeout": "2m"}""", HttpStatusCode.BadRequest);

        Assert.Equal(["url", "interval", "timeout"], problem["errors"]!.AsArray().Select(e => e!["field"]!.GetValue<string>()));
        Assert.Equal("0.5s", problem["errors"]![1]!["value"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_body_that_is_not_declared_as_json_is_refused()
    {
        await using var web = await WebHost.StartAsync();
        using var content = new StringContent("""{"url": "https://example.org/", "interval": "30s"}""", Encoding.UTF8, "text/plain");

        using var answer = await web.Http.PostAsync("/api/targets", content, WebHost.Cancel);

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
    }

    [Fact]
    public async Task A_body_over_one_megabyte_is_refused()
    {
        await using var web = await WebHost.StartAsync();

        await web.SendAsync(HttpMethod.Post, "/api/targets", new string(' ', (1 << 20) + 1), HttpStatusCode.RequestEntityTooLarge);
    }

    [Fact]
    public async Task A_key_that_is_taken_is_a_conflict()
    {
        await using var web = await WebHost.StartAsync();
        await web.AddTargetAsync(key: "one");
        var two = await web.AddTargetAsync(key: "two");
        const string One = """{"key": "one", "url": "https://example.org/", "interval": "30s"}""";

        var added = await web.SendAsync(HttpMethod.Post, "/api/targets", One, HttpStatusCode.Conflict);
        await web.SendAsync(HttpMethod.Put, $"/api/targets/{two}", One, HttpStatusCode.Conflict);

        Assert.Contains("'one'", added["detail"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_not_there_is_not_found()
    {
        await using var web = await WebHost.StartAsync();

        await web.GetAsync("/api/targets/7", HttpStatusCode.NotFound);
        await web.SendAsync(HttpMethod.Put, "/api/targets/7", """{"url": "https://example.org/", "interval": "30s"}""", HttpStatusCode.NotFound);
        await web.SendAsync(HttpMethod.Delete, "/api/targets/7", null, HttpStatusCode.NotFound);
        await web.GetAsync("/api/targets/seven", HttpStatusCode.NotFound);
        await web.GetAsync("/api/nothing", HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task The_list_is_read_page_by_page()
    {
        await using var web = await WebHost.StartAsync();
        foreach (var key in new[] { "a", "b", "c" })
            await web.AddTargetAsync(key: key);

        var first = await web.GetAsync("/api/targets?limit=2");
        var second = await web.GetAsync($"/api/targets?limit=2&after={first["next"]}");

        Assert.Equal(["a", "b"], first["targets"]!.AsArray().Select(t => t!["key"]!.GetValue<string>()));
        Assert.Equal(["c"], second["targets"]!.AsArray().Select(t => t!["key"]!.GetValue<string>()));
        Assert.Null(second["next"]);
    }

    [Fact]
    public async Task The_list_is_filtered_by_tag()
    {
        await using var web = await WebHost.StartAsync();
        await web.AddTargetAsync(key: "a", tags: ["shop", "it's"]);
        await web.AddTargetAsync(key: "b");

        Assert.Single((await web.GetAsync("/api/targets?tag=it's"))["targets"]!.AsArray());
        Assert.Empty((await web.GetAsync("/api/targets?tag=sho"))["targets"]!.AsArray());
    }

    [Theory]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=1001", "limit")]
    [InlineData("limit=many", "limit")]
    [InlineData("after=-1", "after")]
    public async Task A_bad_list_parameter_is_named(string query, string name)
    {
        await using var web = await WebHost.StartAsync();

        var problem = await web.GetAsync($"/api/targets?{query}", HttpStatusCode.BadRequest);

        Assert.Equal(name, Assert.Single(problem["errors"]!.AsArray())!["field"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_target_shows_its_state_at_each_location()
    {
        await using var web = await WebHost.StartAsync();
        var id = await web.AddTargetAsync();
        await web.StoreAsync(new ProbeResult
        {
            TargetId = id,
            ScheduledAtMs = 1_700_000_000_123,
            Outcome = Outcome.BadStatus,
            StatusCode = 503,
            TotalUs = 45_678,
            Error = "The status is 503.",
        });

        var state = Assert.Single((await web.GetAsync($"/api/targets/{id}"))["state"]!.AsArray())!;

        Assert.Equal(
            """{"location":"default","health":"down","since":"2023-11-14T22:13:20.123+00:00","scheduledAt":"2023-11-14T22:13:20.123+00:00","outcome":"bad_status","statusCode":503,"totalUs":45678,"error":"The status is 503."}""",
            state.ToJsonString().Replace("\\u002B", "+", StringComparison.Ordinal));
    }
}
