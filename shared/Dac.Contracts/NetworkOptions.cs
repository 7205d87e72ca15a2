namespace Dac.Contracts;

/// <summary>From the name to the connection, for every scheme. Every field is optional.</summary>
public sealed record NetworkOptions
{
    /// <summary>
    /// <c>4</c> or <c>6</c>: these addresses alone; <c>prefer4</c> or <c>prefer6</c>: these first, then the others; <c>any</c>: as the resolver orders them.
    /// Each address is tried in turn until one takes the connection. Default: any.
    /// </summary>
    public string? IpVersion { get; init; }

    /// <summary>Name server to ask instead of the collector's own, <c>address</c> or <c>address:port</c>, <c>[v6]:port</c>. Default: the system's resolver.</summary>
    public string? Resolver { get; init; }
}
