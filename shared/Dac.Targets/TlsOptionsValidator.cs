using Dac.Contracts;

namespace Dac.Targets;

/// <summary>Checks <see cref="TlsOptions"/>.</summary>
internal static class TlsOptionsValidator
{
    /// <summary>Schemes that may speak TLS: <c>http</c> too, behind a redirect, and <c>tcp</c> by STARTTLS.</summary>
    private static readonly string[] Schemes = ["http", "https", "tls", "tcp", "wss", "grpcs"];

    public static void Check(TlsOptions options, Uri? url, FieldErrors errors)
    {
        if (errors.WrongScheme("tls", url, Schemes))
            return;
        errors.Secret("tls.ca", options.Ca);
        errors.Secret("tls.clientCertificate", options.ClientCertificate);
        if (options.SkipVerify == true && options.Ca is not null)
            errors.Add("tls.ca", options.Ca, "is given, and tls.skipVerify is true: nothing would be verified against it", "take one of them out");
        if (options.ServerName is { } name && Uri.CheckHostName(name) != UriHostNameType.Dns)
            errors.Add("tls.serverName", name, "is not a host name", "give a name like www.example.org");
        if (options.MinVersion is { } version && version is not ("1.2" or "1.3"))
            errors.Add("tls.minVersion", version, "is not a version of TLS", "use 1.2 or 1.3");
        errors.Range("tls.minDays", options.MinDays, 1, 3_650);
    }
}
