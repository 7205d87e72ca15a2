namespace Dac.Contracts;

/// <summary>What a <c>ws</c> or <c>wss</c> target asks for beyond its URL. Every field is optional.</summary>
public sealed record WsOptions
{
    /// <summary>Headers of the upgrade, name to value, up to 32; <c>Origin</c> too. Default: those of the protocol alone.</summary>
    public IReadOnlyDictionary<string, string>? Headers { get; init; }

    /// <summary>Headers whose values are secrets, name to reference (<c>env:DAC_SECRET_NAME</c>, <c>file:NAME</c>), up to 16.</summary>
    public IReadOnlyDictionary<string, string>? SecretHeaders { get; init; }

    /// <summary>Subprotocol that is asked for and must be granted. Default: none.</summary>
    public string? Subprotocol { get; init; }

    /// <summary>Text message to send after the upgrade, at most 4,000 characters. Default: none.</summary>
    public string? Send { get; init; }

    /// <summary>Regular expression, at most 1,000 characters, that one of the messages received must match; it is waited for until the timeout. Default: the upgrade is enough.</summary>
    public string? Expect { get; init; }

    /// <summary>Most bytes of messages that are read, 1 to 1,000,000. Default: 65,536.</summary>
    public int? MaxBytes { get; init; }
}
