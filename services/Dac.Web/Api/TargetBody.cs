using System.Text.Json;
using Dac.Targets;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Dac.Web.Api;

/// <summary>
/// Reads a definition from a request's body. By hand, since the framework's binding answers an unknown field with a bare 400, and a user needs its name.
/// </summary>
internal static class TargetBody
{
    public static async Task<(TargetDefinition? Definition, ProblemHttpResult? Problem)> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (request.HttpContext.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: false })
            return (null, Problems.Invalid("Body is not a target", [new("body", null, "is missing", Example)]));
        if (!request.HasJsonContentType())
            return (null, Problems.Of(415, "Body is not JSON", "Send the definition with the header Content-Type: application/json."));
        try
        {
            var definition = await JsonSerializer.DeserializeAsync(request.Body, TargetJson.Default.TargetDefinition, cancellationToken);
            if (definition is null)
                return (null, Problems.Invalid("Body is not a target", [new("body", "null", "is not an object", Example)]));
            return TargetValidator.Validate(definition).Errors is { Count: > 0 } errors
                ? (null, Problems.Invalid("Target is not valid", errors))
                : (definition, null);
        }
        catch (JsonException e)
        {
            return (null, Problems.Invalid("Body is not a target", [Explain(e)]));
        }
        catch (BadHttpRequestException e)
        {
            return (null, Problems.Of(e.StatusCode, "Body was not accepted", e.Message));
        }
    }

    private const string Example = """send an object like {"url": "https://example.org/", "interval": "30s"}""";

    private static FieldError Explain(JsonException e)
    {
        var field = e.Path?.TrimStart('$').TrimStart('.') is { Length: > 0 } path ? path : "body";
        if (e.InnerException is JsonException)
            return new("body", null, $"is not JSON (line {e.LineNumber + 1}, column {e.BytePositionInLine + 1}, at '{field}')", Example);
        var type = Type(field);
        return type is null
            ? field == "body" ? new("body", null, "is not an object", Example) : new(field, null, "is not a field of a target", $"the fields are {string.Join(", ", Names)}")
            : new(field, null, $"is not {type}", type == "a text" ? "write it in quotes, like \"30s\"" : $"write {type}");
    }

    private static IEnumerable<string> Names => TargetJson.Default.TargetDefinition.Properties.Select(p => p.Name);

    private static string? Type(string field)
    {
        var list = field.IndexOf('[', StringComparison.Ordinal);
        var property = TargetJson.Default.TargetDefinition.Properties.FirstOrDefault(p => p.Name.Equals(list < 0 ? field : field[..list], StringComparison.OrdinalIgnoreCase));
        return property is null ? null
            : property.PropertyType == typeof(bool) ? "true or false"
            : list < 0 && property.PropertyType != typeof(string) ? "a list of texts"
            : "a text";
    }
}
