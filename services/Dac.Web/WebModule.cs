using Dac.Hosting;
using Dac.Storage;
using Dac.Web.Access;
using Dac.Web.Api;
using Dac.Web.Page;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace Dac.Web;

/// <summary>The web service: API, its reference, and the live page. A process that runs several services calls the same two methods.</summary>
public static class WebModule
{
    // A definition is a few kilobytes at most: URL 2,048, regex 1,000, 16 locations and 16 tags.
    private const long MaxBodyBytes = 1 << 20;

    /// <summary>Registers what the web service needs.</summary>
    public static void AddWeb(this IHostApplicationBuilder builder)
    {
        builder.AddTopology();
        builder.AddStorage();
        builder.AddCheckedOptions<WebOptions>("Web");
        builder.Services.Configure<KestrelServerOptions>(o => o.Limits.MaxRequestBodySize = MaxBodyBytes);
        builder.Services.ConfigureHttpJsonOptions(o => ApiJson.Configure(o.SerializerOptions));
        builder.Services.AddProblemDetails();
        // A lambda: the generator that brings the doc comments into the document looks for one.
        builder.Services.AddOpenApi(options => ApiDocument.Configure(options));
        builder.Services.AddSingleton<LiveReader>();
        builder.Services.AddSingleton<AccessFilter>();
    }

    /// <summary>Maps API, reference and page.</summary>
    /// <exception cref="StartRefusedException">The service would take writes from the network, and no API key is set.</exception>
    public static void MapWeb(this WebApplication app)
    {
        if (app.Services.GetRequiredService<IOptions<WebOptions>>().Value.ApiKey is null)
            ListenAddresses.RefuseUnlessLoopback(app.Configuration);
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        app.MapOpenApi();
        app.MapReference();
        var guarded = app.MapGroup("").AddEndpointFilter<AccessFilter>();
        guarded.MapLivePage();
        guarded.MapTargets();
        guarded.MapResults();
        guarded.MapLedger();
    }
}
