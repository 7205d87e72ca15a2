namespace Dac.Collector.Probing;

/// <summary>What a probe saw beyond its result, written down only where somebody looks at it: the <c>probe</c> command.</summary>
public sealed class ProbeDetails
{
    /// <summary>Address that took the connection, or null.</summary>
    public string? Address { get; set; }

    /// <summary>Protocol and version of the answer, like <c>HTTP/1.1</c>, or null.</summary>
    public string? Protocol { get; set; }

    /// <summary>Version of TLS, or null.</summary>
    public string? TlsVersion { get; set; }

    /// <summary>Cipher suite, or null.</summary>
    public string? Cipher { get; set; }

    /// <summary>The certificate chain, the server's own first.</summary>
    public List<CertificateDetails> Certificates { get; } = [];

    /// <summary>Where redirects led to, in order.</summary>
    public List<string> Redirects { get; } = [];

    /// <summary>Each assertion, in order.</summary>
    public List<AssertionDetails> Assertions { get; } = [];

    /// <summary>Adds an assertion.</summary>
    public void Note(string asked, bool holds, string? seen) => Assertions.Add(new(asked, holds, seen));
}

/// <summary>One certificate of a chain.</summary>
public sealed record CertificateDetails(string Subject, string Issuer, DateTime NotBefore, DateTime NotAfter);

/// <summary>One assertion: what was asked, whether it held, and what was seen.</summary>
public sealed record AssertionDetails(string Asked, bool Holds, string? Seen);
