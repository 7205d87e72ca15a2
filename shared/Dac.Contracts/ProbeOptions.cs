namespace Dac.Contracts;

/// <summary>
/// How a URL is probed beyond the defaults of its scheme: the part that a target's definition and the command to a collector have in common. Options that the
/// scheme has no use for are refused where a definition is checked.
/// </summary>
public abstract record ProbeOptions
{
    /// <summary>Name resolution and addresses, for every scheme. Default: the system's resolver, any address.</summary>
    public NetworkOptions? Network { get; init; }

    /// <summary>TLS, for the schemes that speak it. Default: full verification against the system's authorities.</summary>
    public TlsOptions? Tls { get; init; }

    /// <summary>HTTP, for <c>http</c> and <c>https</c>. Default: a GET that must end in 2xx.</summary>
    public HttpOptions? Http { get; init; }

    /// <summary>Dialogue, for <c>tcp</c> and <c>tls</c>. Default: a connection is enough.</summary>
    public TcpOptions? Tcp { get; init; }

    /// <summary>Query and answer, for <c>dns</c>. Default: NOERROR with a record of the type.</summary>
    public DnsOptions? Dns { get; init; }

    /// <summary>Echo, for <c>icmp</c>. Default: 56 bytes.</summary>
    public IcmpOptions? Icmp { get; init; }

    /// <summary>WebSocket, for <c>ws</c> and <c>wss</c>. Default: the upgrade is enough.</summary>
    public WsOptions? Ws { get; init; }

    /// <summary>Health check, for <c>grpc</c> and <c>grpcs</c>. Default: the server as a whole.</summary>
    public GrpcOptions? Grpc { get; init; }

    /// <summary>The same options on something else; what says nothing is left out, and costs nothing on the way to the collector.</summary>
    public T Onto<T>(T other)
        where T : ProbeOptions => other with
        {
            Network = Said(Network),
            Tls = Said(Tls),
            Http = Said(Http),
            Tcp = Said(Tcp),
            Dns = Said(Dns),
            Icmp = Said(Icmp),
            Ws = Said(Ws),
            Grpc = Said(Grpc),
        };

    private static T? Said<T>(T? options)
        where T : class, new() => options is null || options.Equals(new T()) ? null : options;
}
