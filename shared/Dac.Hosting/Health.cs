using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Dac.Hosting;

internal static class Health
{
    /// <summary><c>/health/live</c>: the process answers. <c>/health/ready</c>: all that it depends on is there; else 503 and what is missing.</summary>
    public static void MapHealth(this WebApplication app)
    {
        app.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = _ => false, ResponseWriter = WriteAsync });
        app.MapHealthChecks("/health/ready", new HealthCheckOptions { ResponseWriter = WriteAsync });
    }

    /// <summary>
    /// What <c>--health</c> does: asks the service that runs in the same container, and says what is missing. Containers have no curl.
    /// </summary>
    /// <param name="url">Where it listens unless the environment says otherwise.</param>
    /// <returns>0 when it is ready, else 1.</returns>
    public static async Task<int> AskAsync(string url)
    {
        var settings = new ConfigurationBuilder().AddEnvironmentVariables("ASPNETCORE_").Build();
        var address = settings["urls"] is { Length: > 0 } urls ? urls : settings["http_ports"] is { Length: > 0 } ports ? $"http://*:{ports}" : url;
        var port = BindingAddress.Parse(address.Split(';')[0]).Port;
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        try
        {
            using var answer = await http.GetAsync(new Uri($"http://127.0.0.1:{port}/health/ready"));
            await Console.Out.WriteLineAsync(await answer.Content.ReadAsStringAsync());
            return answer.IsSuccessStatusCode ? 0 : 1;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            await Console.Out.WriteLineAsync($"Port {port} does not answer: {e.Message}");
            return 1;
        }
    }

    private static Task WriteAsync(HttpContext context, HealthReport report)
    {
        var checks = new JsonObject();
        foreach (var (name, entry) in report.Entries)
        {
            checks[name] = entry.Status == HealthStatus.Healthy
                ? "healthy"
                : $"{(entry.Status == HealthStatus.Degraded ? "degraded" : "missing")}: {entry.Description ?? entry.Exception?.Message}";
        }
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(new JsonObject { ["status"] = report.Status == HealthStatus.Unhealthy ? "unhealthy" : "healthy", ["checks"] = checks }.ToJsonString());
    }
}
