using System.Text.Json;
using System.Text.Json.Serialization;

namespace Dac.Contracts;

/// <summary>The messages as JSON: camel case, nulls left out, written and read by generated code.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, NumberHandling = JsonNumberHandling.Strict, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(ProbeBatch))]
[JsonSerializable(typeof(ProbeKey))]
[JsonSerializable(typeof(ProbeResultBatch))]
public sealed partial class ContractJson : JsonSerializerContext;
