namespace Dac.Contracts;

/// <summary>
/// What an <c>http</c> or <c>https</c> target asks for beyond its URL. Every field is optional; a secret is a reference
/// (<c>env:DAC_SECRET_NAME</c> or <c>file:NAME</c>) that the collector looks up, never the secret itself.
/// </summary>
public sealed record HttpOptions
{
    /// <summary><c>GET</c>, <c>HEAD</c>, <c>POST</c>, <c>PUT</c>, <c>PATCH</c>, <c>DELETE</c> or <c>OPTIONS</c>. Default: GET.</summary>
    public string? Method { get; init; }

    /// <summary>Headers of the request, name to value, up to 32; <c>Content-Type</c> and <c>Host</c> too. Default: User-Agent and Accept alone.</summary>
    public IReadOnlyDictionary<string, string>? Headers { get; init; }

    /// <summary>Headers whose values are secrets, name to reference, up to 16. Not sent on to another host by a redirect.</summary>
    public IReadOnlyDictionary<string, string>? SecretHeaders { get; init; }

    /// <summary>Body of the request, at most 8,000 characters; UTF-8, <c>text/plain</c> where no Content-Type is given. Not with GET, HEAD or OPTIONS.</summary>
    public string? Body { get; init; }

    /// <summary>Accepted statuses: <c>2xx,301</c>, <c>200-299</c>. A redirect that is listed is not followed. Default: 2xx.</summary>
    public string? Status { get; init; }

    /// <summary>Regular expressions that the body must all match, beside the target's <c>regex</c>, up to 8 of 1,000 characters; their matches are stored.</summary>
    public IReadOnlyList<string>? BodyMatches { get; init; }

    /// <summary>Regular expressions that the body must not match, up to 8 of 1,000 characters.</summary>
    public IReadOnlyList<string>? BodyForbids { get; init; }

    /// <summary><c>Name: regex</c>, up to 8: a header of the answer that must be there and match.</summary>
    public IReadOnlyList<string>? HeaderMatches { get; init; }

    /// <summary><c>Name: regex</c>, up to 8: a header of the answer that must not match.</summary>
    public IReadOnlyList<string>? HeaderForbids { get; init; }

    /// <summary>JMESPath expression (https://jmespath.org) that is asked of the body as JSON, at most 1,000 characters.</summary>
    public string? Json { get; init; }

    /// <summary>What <c>json</c> must yield: JSON, or a text without quotes. Default: anything but null, false and empty.</summary>
    public string? JsonValue { get; init; }

    /// <summary>Largest body, in bytes after decompression, 0 to 100,000,000; the collector's own limit holds too. Default: the collector's, 1 MiB.</summary>
    public int? MaxBytes { get; init; }

    /// <summary>Whether gzip, br and deflate are asked for. Default: true.</summary>
    public bool? Compression { get; init; }

    /// <summary>Whether redirects are followed, never from https to http. Default: true.</summary>
    public bool? FollowRedirects { get; init; }

    /// <summary>Most redirects of one probe, 1 to 20. Default: 10.</summary>
    public int? MaxRedirects { get; init; }

    /// <summary><c>1.1</c>, <c>2</c> (over TLS by ALPN, else with prior knowledge) or <c>3</c> (https alone, where the collector has QUIC). Default: 1.1.</summary>
    public string? Version { get; init; }

    /// <summary>Whether the connection is kept for the next probe; its phases resolve, connect and tls are then empty. Default: false, a fresh one each time.</summary>
    public bool? ReuseConnection { get; init; }

    /// <summary>Proxy, <c>http://host:port</c>; names are then resolved by the proxy. Default: none.</summary>
    public string? Proxy { get; init; }

    /// <summary>User name for the proxy. Default: none.</summary>
    public string? ProxyUser { get; init; }

    /// <summary>Reference to the proxy's password.</summary>
    public string? ProxyPassword { get; init; }

    /// <summary>User name of basic authentication (RFC 7617). Default: none.</summary>
    public string? BasicUser { get; init; }

    /// <summary>Reference to the password of basic authentication.</summary>
    public string? BasicPassword { get; init; }

    /// <summary>Reference to a bearer token (RFC 6750). Default: none.</summary>
    public string? Bearer { get; init; }
}
