using System.Security.Cryptography;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Dac.Web.Page;

/// <summary><c>/</c>: the live page.</summary>
internal static class LivePageRoute
{
    /// <summary>Style and script of the page, which are parts of it: nothing else is loaded.</summary>
    public static readonly string Style = Read("page.css"), Script = Read("page.js");

    public static void MapLivePage(this IEndpointRouteBuilder routes) => routes.MapGet("/", ShowAsync).ExcludeFromDescription();

    private static async Task<ContentHttpResult> ShowAsync(HttpContext context, LiveReader reader, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16));
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy =
            $"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers.CacheControl = "no-store";
        headers["Referrer-Policy"] = "no-referrer";
        return TypedResults.Content(await RenderAsync(context, loggers, await reader.ReadAsync(cancellationToken), nonce), "text/html; charset=utf-8");
    }

    // Not RazorComponentResult: it comes with antiforgery and its data protection keys, which a page without forms has no use for and no place to keep.
    private static async Task<string> RenderAsync(HttpContext context, ILoggerFactory loggers, LiveData data, string nonce)
    {
        await using var renderer = new HtmlRenderer(context.RequestServices, loggers);
        var parameters = ParameterView.FromDictionary(new Dictionary<string, object?> { [nameof(LivePage.Data)] = data, [nameof(LivePage.Nonce)] = nonce });
        return await renderer.Dispatcher.InvokeAsync(async () => (await renderer.RenderComponentAsync<LivePage>(parameters)).ToHtmlString());
    }

    private static string Read(string name)
    {
        using var reader = new StreamReader(typeof(LivePageRoute).Assembly.GetManifestResourceStream($"Dac.Web.Page.{name}")!);
        return reader.ReadToEnd();
    }
}
