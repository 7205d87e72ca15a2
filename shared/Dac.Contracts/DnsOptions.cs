namespace Dac.Contracts;

/// <summary>What a <c>dns</c> target asks for beyond its URL. Every field is optional.</summary>
public sealed record DnsOptions
{
    /// <summary>Accepted response codes, separated by commas: <c>NOERROR,NXDOMAIN</c>. Default: NOERROR.</summary>
    public string? Rcode { get; init; }

    /// <summary>
    /// Regular expressions of which each must match a record of the answer, up to 8 of 1,000 characters. A record reads as in a zone file:
    /// <c>example.org. 300 IN A 192.0.2.1</c>. Default: a record of the type that was asked for is enough.
    /// </summary>
    public IReadOnlyList<string>? AnswerMatches { get; init; }

    /// <summary>Regular expressions that no record of the answer may match, up to 8 of 1,000 characters.</summary>
    public IReadOnlyList<string>? AnswerForbids { get; init; }

    /// <summary>True: an answer without a record of the type is accepted too. Default: false.</summary>
    public bool? AllowEmpty { get; init; }

    /// <summary><c>udp</c> (TCP where the answer was cut) or <c>tcp</c>. Default: udp.</summary>
    public string? Transport { get; init; }

    /// <summary>Whether the server is asked to look further than its own zones. Default: true.</summary>
    public bool? Recursion { get; init; }
}
