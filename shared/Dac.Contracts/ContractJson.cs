using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Dac.Contracts;

/// <summary>The messages as JSON: camel case, nulls left out, written by generated code, and read by it but for commands and results (see <see cref="SharedOptions"/>).</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, NumberHandling = JsonNumberHandling.Strict, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(ProbeBatch))]
[JsonSerializable(typeof(ProbeKey))]
[JsonSerializable(typeof(ProbeResultBatch))]
public sealed partial class ContractJson : JsonSerializerContext
{
    [ThreadStatic]
    private static byte[]? s_read;

    /// <summary>What <see cref="Read"/> reads just now on this thread.</summary>
    internal static ReadOnlyMemory<byte> BeingRead => s_read;

    /// <summary>
    /// Reads a message, of which the lists stay parts of <paramref name="text"/> (<see cref="PackedList{T}"/>): whoever received that holds it anyway until it
    /// is acknowledged.
    /// </summary>
    /// <param name="text">The message; not to be changed afterwards.</param>
    /// <param name="type">One of this context's types.</param>
    /// <exception cref="JsonException">The text is no such message.</exception>
    public static T? Read<T>(byte[] text, JsonTypeInfo<T> type)
    {
        s_read = text;
        try
        {
            return JsonSerializer.Deserialize(text, type);
        }
        finally
        {
            s_read = null;
        }
    }
}
