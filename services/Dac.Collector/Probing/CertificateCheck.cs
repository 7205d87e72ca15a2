using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>What is noted of a certificate, and whether it will do.</summary>
internal static class CertificateCheck
{
    public static bool Accept(X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors, TlsOptions? options, Measurement measurement)
    {
        Note(certificate as X509Certificate2, chain, options, measurement);
        if (errors == SslPolicyErrors.None || options?.SkipVerify == true)
            return true;
        measurement.Fail(Outcome.TlsFailed, $"certificate refused: {string.Join("; ", Reasons(certificate, chain, errors))}");
        return false;
    }

    private static void Note(X509Certificate2? certificate, X509Chain? chain, TlsOptions? options, Measurement measurement)
    {
        if (certificate is null)
            return;
        var earliest = certificate.NotAfter;
        foreach (var element in chain?.ChainElements.AsEnumerable() ?? [])
        {
            if (element.Certificate.NotAfter < earliest)
                earliest = element.Certificate.NotAfter;
            measurement.Details?.Certificates.Add(new(
                element.Certificate.Subject, element.Certificate.Issuer, element.Certificate.NotBefore.ToUniversalTime(), element.Certificate.NotAfter.ToUniversalTime()));
        }
        var expires = new DateTimeOffset(earliest.ToUniversalTime());
        measurement.TlsExpiresAt = expires;
        if (options?.MinDays is { } days && expires - measurement.Now < TimeSpan.FromDays(days))
            measurement.Degrade(string.Create(CultureInfo.InvariantCulture, $"the certificate expires at {expires:yyyy-MM-dd HH:mm} UTC, in less than {days} days"));
    }

    private static IEnumerable<string> Reasons(X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (certificate is null)
            return ["the server shows none"];
        var reasons = chain?.ChainStatus.Select(s => s.StatusInformation.Trim().TrimEnd('.')).Distinct() ?? [];
        return errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch) ? reasons.Append("it is for another host") : reasons;
    }
}
