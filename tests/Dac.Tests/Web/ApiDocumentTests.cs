using System.Text.Json.Nodes;

namespace Dac.Tests.Web;

public sealed class ApiDocumentTests
{
    [Fact]
    public async Task The_document_has_every_path_with_a_summary_and_every_parameter_described()
    {
        await using var web = await WebHost.StartAsync();

        var paths = (await web.GetAsync("/openapi/v1.json"))["paths"]!.AsObject();

        var operations = paths.SelectMany(p => p.Value!.AsObject().Select(o => ($"{o.Key} {p.Key}", Operation: o.Value!))).ToDictionary(o => o.Item1, o => o.Operation);
        Assert.Equal(
            ["delete /api/targets/{id}", "get /api/ledger", "get /api/targets", "get /api/targets/{id}", "get /api/targets/{id}/results", "post /api/targets", "put /api/targets/{id}"],
            operations.Keys.Order(StringComparer.Ordinal));
        Assert.All(operations.Values, o => Assert.NotEmpty(o["summary"]!.GetValue<string>()));
        Assert.All(operations.Values.SelectMany(o => o["parameters"] as JsonArray ?? []), p => Assert.NotEmpty(p!["description"]!.GetValue<string>()));
    }

    [Fact]
    public async Task The_document_describes_the_body_and_the_key()
    {
        await using var web = await WebHost.StartAsync();

        var document = await web.GetAsync("/openapi/v1.json");

        var post = document["paths"]!["/api/targets"]!["post"]!;
        Assert.EndsWith("/TargetDefinition", post["requestBody"]!["content"]!["application/json"]!["schema"]!["$ref"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.NotNull(post["security"]![0]!["ApiKey"]);
        Assert.Equal("X-Api-Key", document["components"]!["securitySchemes"]!["ApiKey"]!["name"]!.GetValue<string>());
        Assert.NotEmpty(document["components"]!["schemas"]!["TargetDefinition"]!["properties"]!["interval"]!["description"]!.GetValue<string>());
    }

    [Fact]
    public async Task The_reference_loads_nothing_from_another_host()
    {
        await using var web = await WebHost.StartAsync();

        using var page = await web.Http.GetAsync("/scalar/", WebHost.Cancel);
        var html = await page.Content.ReadAsStringAsync(WebHost.Cancel);
        using var script = await web.Http.GetAsync("/scalar/scalar.js", WebHost.Cancel);

        Assert.DoesNotContain("//", html, StringComparison.Ordinal);
        Assert.Contains("default-src 'none'", string.Join(' ', page.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
        Assert.True(script.IsSuccessStatusCode);
    }
}
