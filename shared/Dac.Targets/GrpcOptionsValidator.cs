using Dac.Contracts;

namespace Dac.Targets;

/// <summary>Checks <see cref="GrpcOptions"/>.</summary>
internal static class GrpcOptionsValidator
{
    private static readonly string[] Schemes = ["grpc", "grpcs"];

    public static void Check(GrpcOptions options, Uri? url, bool compile, FieldErrors errors)
    {
        if (errors.WrongScheme("grpc", url, Schemes))
            return;
        errors.Length("grpc.service", options.Service, 200);
        HeaderFields.Check("grpc.metadata", options.Metadata, "grpc.secretMetadata", options.SecretMetadata, compile, errors, "grpc-", "content-", "host");
        foreach (var name in (options.Metadata?.Keys ?? []).Concat(options.SecretMetadata?.Keys ?? []).Where(n => n.EndsWith("-bin", StringComparison.OrdinalIgnoreCase)))
            errors.Add("grpc.metadata", name, "is binary by its name", "use a name that does not end in -bin");
    }
}
