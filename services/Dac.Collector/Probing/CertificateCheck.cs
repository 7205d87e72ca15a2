using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>
/// What is noted of a certificate, and whether it will do. A whole presented chain that was found good is taken for good again for a minute, instead of being
/// built and verified anew for each connection; the name is compared each time. What was refused is looked at anew each time.
/// </summary>
internal sealed class CertificateCheck
{
    // TLS server authentication (RFC 5280, 4.2.1.12).
    private static readonly Oid ServerAuthentication = new("1.3.6.1.5.5.7.3.1");

    private readonly VerifiedChains _verified = new();

    /// <summary>
    /// The policy for the handshake itself, which trusts nobody and is cheap to apply: that the chain is refused under it says nothing, <see cref="Accept"/> does.
    /// The name of the host is compared by the handshake under any policy. Each handshake takes a copy.
    /// </summary>
    public static X509ChainPolicy NoPolicy { get; } = new()
    {
        RevocationMode = X509RevocationMode.NoCheck,
        DisableCertificateDownloads = true,
        TrustMode = X509ChainTrustMode.CustomRootTrust,
    };

    /// <summary>Whether a certificate will do; notes its chain's earliest expiry also where it will not.</summary>
    /// <param name="certificate">What the server shows, or null.</param>
    /// <param name="handshake">The handshake's chain, whose policy holds all certificates that came with it.</param>
    /// <param name="errors">What the handshake found; of its verdict on the chain nothing is taken.</param>
    /// <param name="options">The target's options.</param>
    /// <param name="trusted">The only authorities that are trusted, or null for the system's.</param>
    /// <param name="measurement">Where all that is noted.</param>
    public bool Accept(X509Certificate? certificate, X509Chain? handshake, SslPolicyErrors errors, TlsOptions? options, X509Certificate2Collection? trusted, Measurement measurement)
    {
        if (certificate is not X509Certificate2 own)
        {
            if (options?.SkipVerify != true)
                measurement.Fail(Outcome.TlsFailed, "certificate refused: the server shows none");
            return options?.SkipVerify == true;
        }
        X509Certificate2Collection presented = handshake?.ChainPolicy.ExtraStore ?? [];
        var key = ChainKey.Of(own, presented, trusted);
        var named = !errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch);
        // Somebody who looks at the chain is shown it.
        if (named && options?.SkipVerify != true && measurement.Details is null && _verified.Find(key, measurement.Now) is { } known)
        {
            NoteExpiry(known, options, measurement);
            return true;
        }
        using var chain = new X509Chain { ChainPolicy = Policy(presented, trusted, measurement.Now) };
        try
        {
            var good = chain.Build(own);
            var expires = Expiry(own, chain, measurement);
            NoteExpiry(expires, options, measurement);
            if (options?.SkipVerify == true)
                return true;
            if (good && named)
            {
                _verified.Add(key, expires, measurement.Now);
                return true;
            }
            measurement.Fail(Outcome.TlsFailed, $"certificate refused: {string.Join("; ", Reasons(chain, named))}");
            return false;
        }
        finally
        {
            foreach (var element in chain.ChainElements)
                element.Certificate.Dispose();
        }
    }

    /// <summary>Notes when a chain expires, and whether that is nearer than the target wants.</summary>
    public static void NoteExpiry(DateTimeOffset expires, TlsOptions? options, Measurement measurement)
    {
        measurement.TlsExpiresAt = expires;
        if (options?.MinDays is { } days && expires - measurement.Now < TimeSpan.FromDays(days))
            measurement.Degrade(string.Create(CultureInfo.InvariantCulture, $"the certificate expires at {expires:yyyy-MM-dd HH:mm} UTC, in less than {days} days"));
    }

    private static X509ChainPolicy Policy(X509Certificate2Collection presented, X509Certificate2Collection? trusted, DateTimeOffset now)
    {
        var policy = new X509ChainPolicy
        {
            RevocationMode = X509RevocationMode.NoCheck,
            // A certificate names where its issuer's is to be had: a request that the egress guard would never see.
            DisableCertificateDownloads = true,
            VerificationTime = now.LocalDateTime,
        };
        policy.ApplicationPolicy.Add(ServerAuthentication);
        policy.ExtraStore.AddRange(presented);
        if (trusted is null)
            return policy;
        policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        policy.CustomTrustStore.AddRange(trusted);
        return policy;
    }

    private static DateTimeOffset Expiry(X509Certificate2 own, X509Chain chain, Measurement measurement)
    {
        var earliest = own.NotAfter;
        foreach (var element in chain.ChainElements)
        {
            if (element.Certificate.NotAfter < earliest)
                earliest = element.Certificate.NotAfter;
            measurement.Details?.Certificates.Add(new(
                element.Certificate.Subject, element.Certificate.Issuer, element.Certificate.NotBefore.ToUniversalTime(), element.Certificate.NotAfter.ToUniversalTime()));
        }
        return new DateTimeOffset(earliest.ToUniversalTime());
    }

    private static IEnumerable<string> Reasons(X509Chain chain, bool named)
    {
        var reasons = chain.ChainStatus.Select(s => s.StatusInformation.Trim().TrimEnd('.')).Distinct();
        return named ? reasons : reasons.Append("it is for another host");
    }
}
