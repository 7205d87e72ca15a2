using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
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
        if (field == "body")
            return new("body", null, "is not an object", Example);
        var fields = Fields(field, out var name);
        return fields.FirstOrDefault(p => p.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) is { } property
            ? Mistyped(field, property.PropertyType, isEntry: field.EndsWith(']') || field.Length > field.LastIndexOf(name, StringComparison.Ordinal) + name.Length)
            : new(field, null, "is not a field of a target", $"the fields are {string.Join(", ", fields.Select(p => p.Name))}");
    }

    // The fields among which the path's own stands: those of the target, or those of the options that it leads into.
    private static IList<JsonPropertyInfo> Fields(string path, out string name)
    {
        var parts = path.Split('.', '[');
        var options = TargetJson.Default.TargetDefinition.Properties.FirstOrDefault(p => p.Name == parts[0] && p.PropertyType.Name.EndsWith("Options", StringComparison.Ordinal));
        name = options is null || parts.Length == 1 ? parts[0] : parts[1];
        return options is null || parts.Length == 1 ? TargetJson.Default.TargetDefinition.Properties : TargetJson.Default.GetTypeInfo(options.PropertyType)!.Properties;
    }

    private static FieldError Mistyped(string field, Type type, bool isEntry)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        var (what, fix) = type == typeof(bool) ? ("true or false", "write true or false")
            : type == typeof(int) ? ("a whole number", "write it without quotes, like 10")
            : type == typeof(string) || isEntry ? ("a text", "write it in quotes, like \"30s\"")
            : type == typeof(IReadOnlyList<string>) ? ("a list of texts", "write a list of texts")
            : ("an object", "write an object like {\"name\": \"value\"}");
        return new(field, null, $"is not {what}", fix);
    }
}
