namespace Dac.Contracts;

/// <summary>What an <c>icmp</c> target asks for beyond its URL. Every field is optional.</summary>
public sealed record IcmpOptions
{
    /// <summary>Bytes of payload of the echo, 8 to 65,500. Default: 56.</summary>
    public int? PayloadBytes { get; init; }

    /// <summary>True: routers must not fragment the echo; one that is too large for the path fails. Default: false.</summary>
    public bool? DontFragment { get; init; }
}
