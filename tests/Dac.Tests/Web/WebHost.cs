using System.Net;
using System.Text.Json.Nodes;
using Dac.Contracts;
using Dac.Hosting;
using Dac.Storage;
using Dac.Web;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Dac.Tests.Web;

/// <summary>The web module as shipped, on a port of its own and a database in a folder of its own.</summary>
internal sealed class WebHost : IAsyncDisposable
{
    public const string Key = "0123456789abcdef-of-the-test";

    private readonly WebApplication _app;
    private readonly string _folder;

    private WebHost(WebApplication app, string folder)
    {
        (_app, _folder) = (app, folder);
        Http = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
    }

    public HttpClient Http { get; }

    public IServiceProvider Services => _app.Services;

    public static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<WebHost> StartAsync(params string[] settings) => await StartAsync(null, settings);

    public static async Task<WebHost> StartAsync(TimeProvider? time, params string[] settings)
    {
        var folder = Directory.CreateTempSubdirectory("dac-web-").FullName;
        try
        {
            var app = Build(time, [$"--ConnectionStrings:Database=Data Source={folder}/dac.db", "--urls=http://127.0.0.1:0", .. settings]);
            await app.StartAsync(Cancel);
            return new WebHost(app, folder);
        }
        catch
        {
            Directory.Delete(folder, recursive: true);
            throw;
        }
    }

    public async Task<long> AddTargetAsync(string url = "https://example.org/", string? key = null, string interval = "10s", string[]? tags = null)
    {
        using var answer = await Http.PostAsJsonAsync("/api/targets", new { url, key, interval, tags }, Cancel);
        return (await JsonAsync(answer, HttpStatusCode.Created))["id"]!.GetValue<long>();
    }

    public async Task StoreAsync(params ProbeResult[] results)
    {
        var names = Services.GetRequiredService<NameIds>();
        var (location, collector) = (await names.LocationAsync("default", Cancel), await names.CollectorAsync("collector-1", Cancel));
        await Services.GetRequiredService<IResultStore>().WriteAsync([.. results.Select(r => new ResultRow(location, collector, r))], Cancel);
    }

    /// <summary>Gets JSON, or the problem details of a bad answer.</summary>
    public async Task<JsonObject> GetAsync(string path, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using var answer = await Http.GetAsync(path, Cancel);
        return await JsonAsync(answer, expected);
    }

    /// <summary>Sends a body as it stands.</summary>
    public async Task<JsonObject> SendAsync(HttpMethod method, string path, string? json, HttpStatusCode expected)
    {
        using var request = new HttpRequestMessage(method, path);
        if (json is not null)
            request.Content = new StringContent(json, System.Text.Encoding.UTF8, "application/json");
        using var answer = await Http.SendAsync(request, Cancel);
        return await JsonAsync(answer, expected);
    }

    public static async Task<JsonObject> JsonAsync(HttpResponseMessage answer, HttpStatusCode expected)
    {
        var text = await answer.Content.ReadAsStringAsync(Cancel);
        Assert.True(answer.StatusCode == expected, $"{(int)answer.StatusCode}: {text}");
        if (!answer.IsSuccessStatusCode)
            Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        return JsonNode.Parse(text)!.AsObject();
    }

    /// <summary>The module's start as far as it can be refused before anything listens.</summary>
    public static async Task MapAsync(params string[] settings)
    {
        await using var app = Build(null, ["--ConnectionStrings:Database=Data Source=never-opened.db", .. settings]);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.DisposeAsync();
        SqliteConnection.ClearAllPools();
        Directory.Delete(_folder, recursive: true);
    }

    private static WebApplication Build(TimeProvider? time, string[] settings)
    {
        var builder = DacHost.CreateBuilder("web", settings, "http://127.0.0.1:0");
        if (time is not null)
            builder.Services.Replace(ServiceDescriptor.Singleton(time));
        builder.AddWeb();
        return DacHost.Build(builder, app => app.MapWeb());
    }
}
