namespace Dac.Contracts;

/// <summary>How TLS is spoken by the schemes that have it (and by STARTTLS). Every field is optional.</summary>
public sealed record TlsOptions
{
    /// <summary>Reference (<c>file:NAME</c>, <c>env:DAC_SECRET_NAME</c>) to the only certificate authorities that are trusted, as PEM. Default: the system's.</summary>
    public string? Ca { get; init; }

    /// <summary>Reference to a client certificate with its private key, both as PEM. Not presented to another host behind a redirect. Default: none.</summary>
    public string? ClientCertificate { get; init; }

    /// <summary>True: any certificate will do; its expiry is stored all the same. Default: false.</summary>
    public bool? SkipVerify { get; init; }

    /// <summary>Name that is asked for (SNI) and that the certificate must be for. Default: the URL's host.</summary>
    public string? ServerName { get; init; }

    /// <summary>Lowest version that is spoken: <c>1.2</c> or <c>1.3</c>. Default: the system's.</summary>
    public string? MinVersion { get; init; }

    /// <summary>Degraded when a certificate of the chain expires in less than so many days, 1 to 3,650. Default: not looked at.</summary>
    public int? MinDays { get; init; }
}
