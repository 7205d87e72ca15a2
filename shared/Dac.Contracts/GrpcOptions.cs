namespace Dac.Contracts;

/// <summary>What a <c>grpc</c> or <c>grpcs</c> target asks for beyond its URL (https://github.com/grpc/grpc/blob/master/doc/health-checking.md). Every field is optional.</summary>
public sealed record GrpcOptions
{
    /// <summary>Service whose health is asked for, at most 200 characters. Default: the server as a whole.</summary>
    public string? Service { get; init; }

    /// <summary>Metadata of the call, name to value, up to 32. Default: none.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>Metadata whose values are secrets, name to reference (<c>env:DAC_SECRET_NAME</c>, <c>file:NAME</c>), up to 16.</summary>
    public IReadOnlyDictionary<string, string>? SecretMetadata { get; init; }
}
