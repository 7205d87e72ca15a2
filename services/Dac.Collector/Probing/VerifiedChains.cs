using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Dac.Collector.Probing;

/// <summary>
/// Chains that were verified in full a moment ago. One is taken for good for a minute and never past the earliest expiry in it; only the same certificates,
/// all of them and in the same order, under the same authorities, are the same chain.
/// </summary>
internal sealed class VerifiedChains
{
    /// <summary>How long one is taken for good.</summary>
    public static readonly TimeSpan Validity = TimeSpan.FromMinutes(1);

    // Some 150 bytes each.
    private const int Limit = 10_000;

    private readonly ConcurrentDictionary<ChainKey, (DateTimeOffset Expires, DateTimeOffset Verified)> _chains = new();

    /// <summary>The earliest expiry of a chain that was verified; null where it has to be verified.</summary>
    public DateTimeOffset? Find(ChainKey key, DateTimeOffset now) =>
        // A clock that was set back is none to go by.
        _chains.TryGetValue(key, out var chain) && now >= chain.Verified && now - chain.Verified < Validity && now < chain.Expires ? chain.Expires : null;

    /// <summary>Notes that one was verified.</summary>
    public void Add(ChainKey key, DateTimeOffset expires, DateTimeOffset now)
    {
        if (_chains.Count >= Limit)
            _chains.Clear();
        _chains[key] = (expires, now);
    }
}

/// <summary>SHA-256 over all that a server presents, and the authorities that were trusted: null for the system's, else the collection that their file was read into.</summary>
internal readonly record struct ChainKey(UInt128 High, UInt128 Low, X509Certificate2Collection? Trusted)
{
    public static ChainKey Of(X509Certificate2 own, X509Certificate2Collection presented, X509Certificate2Collection? trusted)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, own);
        for (var i = 0; i < presented.Count; i++)
            Append(hash, presented[i]);
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        return new(BinaryPrimitives.ReadUInt128BigEndian(digest), BinaryPrimitives.ReadUInt128BigEndian(digest[16..]), trusted);
    }

    // A collection's own hash is that of all that is in it.
    public bool Equals(ChainKey other) => High == other.High && Low == other.Low && ReferenceEquals(Trusted, other.Trusted);

    public override int GetHashCode() => (int)Low;

    // DER says itself where it ends: no two lists of certificates are the same bytes.
    private static void Append(IncrementalHash hash, X509Certificate2 certificate) => hash.AppendData(certificate.RawDataMemory.Span);
}
