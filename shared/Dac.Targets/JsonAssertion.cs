using System.Text.Json;
using System.Text.Json.Nodes;
using DevLab.JmesPath;
using DevLab.JmesPath.Expressions;

namespace Dac.Targets;

/// <summary>A JMESPath expression (https://jmespath.org) and what it must yield; the same where it is checked and where it is asked.</summary>
public static class JsonAssertion
{
    /// <summary>Reads an expression.</summary>
    /// <exception cref="ArgumentException">It is none.</exception>
    /// <exception cref="NotSupportedException">It is one that could take far more memory or time than its body.</exception>
    public static void Check(string expression)
    {
        JmesPathExpression parsed;
        try
        {
            parsed = new JmesPath().Parse(expression);
        }
        // The library throws what its parser happens to.
        catch (Exception e)
        {
            throw new ArgumentException(e.Message, nameof(expression), e);
        }
        JsonGrowth.Check(parsed);
    }

    /// <summary>
    /// Asks a body; returns what the expression yields, as JSON, and whether that is <paramref name="expected"/>: JSON, or a text without quotes; null:
    /// anything but null, false and empty.
    /// </summary>
    /// <exception cref="FormatException">The body is not JSON, or the expression can't be applied to it.</exception>
    /// <exception cref="NotSupportedException">The expression could take far more memory or time than the body.</exception>
    public static (bool Holds, string Value) Ask(string body, string expression, string? expected)
    {
        try
        {
            // The library is content with a body that only begins as JSON.
            JsonDocument.Parse(body).Dispose();
            Check(expression);
            // Not kept for the next body: an expression of this library has the scopes of one evaluation in it.
            var value = new JmesPath().Transform(body, expression) ?? "null";
            var yielded = Json(value);
            return (expected is null ? Says(yielded) : JsonNode.DeepEquals(yielded, Json(expected)) || yielded?.ToString() == expected, value);
        }
        catch (JsonException e)
        {
            throw new FormatException($"the body is not JSON: {e.Message}", e);
        }
        // A function that is given the wrong type throws a bare Exception.
        catch (Exception e) when (e is not OutOfMemoryException and not NotSupportedException)
        {
            throw new FormatException($"'{expression}' can't be asked of the body: {e.Message}", e);
        }
    }

    private static bool Says(JsonNode? value) => value switch
    {
        null => false,
        JsonArray array => array.Count > 0,
        JsonObject members => members.Count > 0,
        _ => value.GetValueKind() switch { JsonValueKind.False => false, JsonValueKind.String => value.ToString().Length > 0, _ => true },
    };

    private static JsonNode? Json(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return JsonValue.Create(text);
        }
    }
}
