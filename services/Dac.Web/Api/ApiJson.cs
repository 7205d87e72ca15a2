using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Dac.Contracts;
using Dac.Targets;

namespace Dac.Web.Api;

/// <summary>How the API writes JSON: a definition as its user wrote it, without the fields that were left out; anything else in full.</summary>
internal static class ApiJson
{
    public static void Configure(JsonSerializerOptions options)
    {
        // Numbers are numbers; else the document says that each may be a text too.
        options.NumberHandling = JsonNumberHandling.Strict;
        options.TypeInfoResolverChain.Insert(0, new DefaultJsonTypeInfoResolver().WithAddedModifier(LeaveOutUnset));
    }

    private static void LeaveOutUnset(JsonTypeInfo type)
    {
        var options = type.Type.Namespace == typeof(HttpOptions).Namespace && type.Type.Name.EndsWith("Options", StringComparison.Ordinal);
        if (type.Type != typeof(TargetDefinition) && !options)
            return;
        // An option that is false was set to it: its default is null.
        foreach (var property in type.Properties)
            property.ShouldSerialize = (_, value) => value is not null && (options || value is not false);
    }
}
