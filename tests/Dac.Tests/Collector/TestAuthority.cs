using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Dac.Collector;
using Dac.Contracts;
using Dac.Tests.Support;

namespace Dac.Tests.Collector;

/// <summary>A certificate authority of the test's own, and the settings and options by which a probe trusts it.</summary>
public sealed class TestAuthority : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly X509Certificate2 _certificate;

    public TestAuthority()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=DAC test authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var now = TimeProvider.System.GetUtcNow();
        _certificate = request.CreateSelfSigned(now.AddDays(-400), now.AddDays(400));
        _folder.Write("ca.pem", _certificate.ExportCertificatePem());
    }

    /// <summary>Settings of a collector that has the authority among its secrets.</summary>
    public CollectorOptions Settings => new() { SecretsDirectory = _folder.Path };

    /// <summary>Options of a target that trusts it alone.</summary>
    public static TlsOptions Trust { get; } = new() { Ca = "file:ca.pem" };

    public string Folder => _folder.Path;

    /// <summary>A certificate for a name, valid from 200 days ago on.</summary>
    public X509Certificate2 Issue(string host = "localhost", int days = 30)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={host}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(host);
        if (host == "localhost")
            names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        using var issued = request.Create(_certificate, now.AddDays(-200), now.AddDays(days), RandomNumberGenerator.GetBytes(8));
        using var whole = issued.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(whole.Export(X509ContentType.Pkcs12), null);
    }

    public void Dispose()
    {
        _certificate.Dispose();
        _folder.Dispose();
    }
}
