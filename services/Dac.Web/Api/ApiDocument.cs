using Dac.Web.Access;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Scalar.AspNetCore;

namespace Dac.Web.Api;

/// <summary>The OpenAPI document at <c>/openapi/v1.json</c>, and the reference made of it at <c>/scalar</c>.</summary>
internal static class ApiDocument
{
    // The reference must work, and stay silent, without the internet: whatever it asks of another host is blocked.
    private const string ReferencePolicy =
        "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        + "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    public static void Configure(OpenApiOptions options)
    {
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info.Title = "DAC";
            document.Info.Description = "The Distributed Asynchronous Collector: targets, results, and the ledger that accounts for every planned slot. "
                + $"Reads are open. Writes need the header {AccessFilter.Header} when Web:ApiKey is set. Errors are problem details (RFC 9457).";
            document.Components ??= new();
            document.Components.SecuritySchemes ??= new Dictionary<string, IOpenApiSecurityScheme>();
            document.Components.SecuritySchemes["ApiKey"] = new OpenApiSecurityScheme { Type = SecuritySchemeType.ApiKey, In = ParameterLocation.Header, Name = AccessFilter.Header };
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            foreach (var parameter in operation.Parameters?.OfType<OpenApiParameter>() ?? [])
                parameter.Schema = Schema(parameter);
            if (context.Description.HttpMethod is not "GET")
                operation.Security = [new() { [new OpenApiSecuritySchemeReference("ApiKey", context.Document)] = [] }];
            return Task.CompletedTask;
        });
    }

    public static void MapReference(this IEndpointRouteBuilder routes) =>
        routes.MapScalarApiReference(options => options
                .WithTitle("DAC API")
                .DisableDefaultFonts()
                .DisableTelemetry()
                .HideClientButton()
                .HideDeveloperTools()
                // Seven operations need no search; the offers beside it lead to another host.
                .HideSearch())
            .AddEndpointFilter((context, next) =>
            {
                context.HttpContext.Response.Headers.ContentSecurityPolicy = ReferencePolicy;
                return next(context);
            });

    // The handlers take texts, to be able to say what is wrong with them; the document says what they mean.
    private static IOpenApiSchema? Schema(OpenApiParameter parameter) => parameter.Name switch
    {
        "id" => new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64" },
        "limit" or "after" => new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64", Minimum = parameter.Name == "limit" ? "1" : "0" },
        "from" or "to" => new OpenApiSchema { Type = JsonSchemaType.String, Format = "date-time" },
        _ => parameter.Schema,
    };
}
