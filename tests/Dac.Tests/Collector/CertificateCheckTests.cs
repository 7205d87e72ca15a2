using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Dac.Collector.Probing;
using Dac.Contracts;
using Dac.Tests.Collector.Hostile;
using Microsoft.Extensions.Time.Testing;

namespace Dac.Tests.Collector;

/// <summary>A chain that was found good is taken for good again for a minute: each way in which that could let a wrong one pass.</summary>
public sealed class CertificateCheckTests
{
    private const SslPolicyErrors Unverified = SslPolicyErrors.RemoteCertificateChainErrors;

    private static readonly X509Certificate2 Root = Certificates.Make("root", to: 20, authority: true);
    private static readonly X509Certificate2 Middle = Certificates.Make("middle", from: -20, to: 10, issuer: Root, authority: true);
    private static readonly X509Certificate2 Own = Certificates.Make("localhost", from: -10, to: 5, issuer: Middle);

    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly CertificateCheck _check = new();
    private readonly X509Certificate2Collection _trusted = [Root];

    [Fact]
    public void A_chain_that_was_verified_is_taken_for_good_for_a_minute_and_then_verified_again()
    {
        Assert.Equal(Outcome.Up, Ask([Middle]));
        // From here on a real check would refuse it.
        _trusted.Clear();
        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(Outcome.Up, Ask([Middle]));
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(Outcome.TlsFailed, Ask([Middle]));
    }

    [Fact]
    public void A_certificate_that_expires_meanwhile_is_refused()
    {
        _time.SetUtcNow(Own.NotAfter.ToUniversalTime() - TimeSpan.FromSeconds(30));
        Assert.Equal(Outcome.Up, Ask([Middle]));
        _time.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal(Outcome.TlsFailed, Ask([Middle]));
    }

    [Fact]
    public void An_issuer_that_expires_meanwhile_counts_as_much()
    {
        var brief = Certificates.Make("brief", from: -20, to: 1, authority: true);
        var own = Issue(brief, to: 9);
        _trusted.Add(brief);
        _time.SetUtcNow(brief.NotAfter.ToUniversalTime() - TimeSpan.FromSeconds(30));
        Assert.Equal(Outcome.Up, Ask([], own));
        _time.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal(Outcome.TlsFailed, Ask([], own));
    }

    [Fact]
    public void A_certificate_for_another_host_is_refused_though_its_chain_was_verified()
    {
        Assert.Equal(Outcome.Up, Ask([Middle]));
        Assert.Equal(Outcome.TlsFailed, Ask([Middle], errors: Unverified | SslPolicyErrors.RemoteCertificateNameMismatch));
        Assert.Equal(Outcome.TlsFailed, Ask([Middle], errors: SslPolicyErrors.RemoteCertificateNameMismatch));
    }

    [Fact]
    public void What_other_authorities_vouched_for_is_not_taken_for_good()
    {
        Assert.Equal(Outcome.Up, Ask([Middle]));
        Assert.Equal(Outcome.TlsFailed, Ask([Middle], trusted: [Certificates.Make("another", authority: true)]));
        Assert.Equal(Outcome.TlsFailed, Ask([Middle], system: true));
    }

    [Fact]
    public void Another_issuer_of_the_same_name_or_none_is_another_chain()
    {
        Assert.Equal(Outcome.Up, Ask([Middle]));
        Assert.Equal(Outcome.TlsFailed, Ask([Certificates.Make("middle", from: -20, to: 10, authority: true)]));
        Assert.Equal(Outcome.TlsFailed, Ask([]));
        Assert.Equal(Outcome.Up, Ask([Middle]));
    }

    [Fact]
    public void A_target_that_skips_verification_vouches_for_nothing()
    {
        _trusted.Clear();
        Assert.Equal(Outcome.Up, Ask([Middle], options: new() { SkipVerify = true }));
        Assert.Equal(Outcome.TlsFailed, Ask([Middle]));
    }

    [Fact]
    public void What_was_refused_is_looked_at_anew_and_refused_again()
    {
        var stranger = Certificates.Make("localhost");
        Assert.Equal(Outcome.TlsFailed, Ask([], stranger));
        Assert.Equal(Outcome.TlsFailed, Ask([], stranger));
        _trusted.Add(stranger);
        Assert.Equal(Outcome.Up, Ask([], stranger));
    }

    [Fact]
    public void A_certificate_that_is_not_for_servers_is_refused()
    {
        Assert.Equal(Outcome.Up, Ask([], Issue(Root, to: 5, "1.3.6.1.5.5.7.3.1")));
        Assert.Equal(Outcome.TlsFailed, Ask([], Issue(Root, to: 5, "1.3.6.1.5.5.7.3.2")));
    }

    [Fact]
    public void No_certificate_will_do_only_where_any_will()
    {
        var measurement = new Measurement(_time);
        Assert.False(_check.Accept(null, null, SslPolicyErrors.RemoteCertificateNotAvailable, null, null, measurement));
        Assert.True(_check.Accept(null, null, SslPolicyErrors.RemoteCertificateNotAvailable, new() { SkipVerify = true }, null, measurement));
    }

    [Fact]
    public void The_earliest_expiry_of_the_chain_is_noted_each_time()
    {
        var brief = Certificates.Make("middle", from: -20, to: 3, issuer: Root, authority: true);
        var own = Issue(brief, to: 8);
        foreach (var _ in Enumerable.Range(0, 2))
        {
            var measurement = new Measurement(_time);
            Assert.True(Accept([brief], own, Unverified, new() { MinDays = 4 }, _trusted, measurement));
            Assert.Equal(new DateTimeOffset(brief.NotAfter), measurement.TlsExpiresAt);
            Assert.Equal(Outcome.Degraded, Result(measurement));
        }
    }

    private Outcome Ask(
        X509Certificate2[] others, X509Certificate2? certificate = null, SslPolicyErrors errors = Unverified, TlsOptions? options = null, X509Certificate2Collection? trusted = null, bool system = false)
    {
        var measurement = new Measurement(_time);
        var accepted = Accept(others, certificate ?? Own, errors, options, system ? null : trusted ?? _trusted, measurement);
        var outcome = Result(measurement);
        Assert.Equal(accepted, outcome == Outcome.Up);
        return outcome;
    }

    private bool Accept(X509Certificate2[] others, X509Certificate2 certificate, SslPolicyErrors errors, TlsOptions? options, X509Certificate2Collection? trusted, Measurement measurement)
    {
        using var handshake = new X509Chain { ChainPolicy = CertificateCheck.NoPolicy.Clone() };
        handshake.ChainPolicy.ExtraStore.Add(certificate);
        handshake.ChainPolicy.ExtraStore.AddRange(others);
        return _check.Accept(certificate, handshake, errors, options, trusted, measurement);
    }

    // It may outlive its issuer, and be for what it is told to.
    private static X509Certificate2 Issue(X509Certificate2 issuer, int to, string? usage = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        if (usage is not null)
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], critical: true));
        var now = TimeProvider.System.GetUtcNow();
        using var issuerKey = issuer.GetECDsaPrivateKey()!;
        return request.Create(issuer.SubjectName, X509SignatureGenerator.CreateForECDsa(issuerKey), now.AddDays(-5), now.AddDays(to), RandomNumberGenerator.GetBytes(8));
    }

    private static Outcome Result(Measurement measurement) =>
        measurement.ToResult(new ProbeUrl { TargetId = 1, ScheduledAtMs = 0, Url = "https://localhost/", TimeoutMs = 1_000, ToleranceMs = 500 }, 0, ProbeRemarks.None).Outcome;
}
