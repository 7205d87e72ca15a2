using System.Collections.Concurrent;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Dac.Contracts;
using Dac.Targets;
using Microsoft.Extensions.Options;

namespace Dac.Collector.Probing;

/// <summary>
/// Secrets that targets refer to: environment variables that begin with <c>DAC_SECRET_</c>, and files below <see cref="CollectorOptions.SecretsDirectory"/>.
/// Nothing else of the machine can be reached through a reference, and no secret is logged. Files are read again when they change.
/// </summary>
public sealed class SecretReader(IOptions<CollectorOptions> options)
{
    private const int MaxBytes = 256 * 1024;

    // Certificates with their keys, a few kB each.
    private const int Limit = 1_000;

    private readonly ConcurrentDictionary<string, (string Pem, object Parsed)> _parsed = new(StringComparer.Ordinal);

    /// <summary>Whether a probe refers to secrets. Files may be slow, so that they are read in the pool: by no thread that others depend on.</summary>
    public static bool IsAskedBy(ProbeUrl probe) =>
        (probe.Tls?.Ca ?? probe.Tls?.ClientCertificate ?? probe.Http?.BasicPassword ?? probe.Http?.Bearer ?? probe.Http?.ProxyPassword
            ?? (object?)probe.Http?.SecretHeaders ?? probe.Ws?.SecretHeaders ?? probe.Grpc?.SecretMetadata) is not null;

    /// <summary>The secret as text, without a line break at its end.</summary>
    /// <exception cref="SecretException">There is none, or it can't be read.</exception>
    public string Read(string reference)
    {
        // The definition was checked where it was saved; a command may come from elsewhere.
        if (!SecretReference.IsValid(reference))
            throw new SecretException("a reference to a secret can't be read: give env:DAC_SECRET_NAME or file:NAME");
        var colon = reference.IndexOf(':', StringComparison.Ordinal);
        var name = reference[(colon + 1)..];
        if (reference.StartsWith("env:", StringComparison.Ordinal))
            return Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : throw new SecretException($"this collector has no environment variable {name}");
        if (options.Value.SecretsDirectory is not { Length: > 0 } folder)
            throw new SecretException($"this collector has no folder of secrets (Collector:SecretsDirectory), and {reference} is asked for");
        try
        {
            var file = new FileInfo(Path.Combine(folder, name));
            return file.Length <= MaxBytes ? File.ReadAllText(file.FullName).TrimEnd('\r', '\n') : throw new SecretException($"{reference} is larger than {MaxBytes} bytes");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SecretException($"{reference} can't be read: {(e is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : e.GetType().Name)}");
        }
    }

    /// <summary>A secret that goes into a header.</summary>
    /// <exception cref="SecretException">There is none, or it could break the header.</exception>
    public string ReadHeader(string reference)
    {
        var value = Read(reference);
        return value.Any(char.IsControl) ? throw new SecretException($"{reference} has a control character in it, which no header can carry") : value;
    }

    /// <summary>All certificates of a PEM text.</summary>
    /// <exception cref="SecretException">There is none.</exception>
    public X509Certificate2Collection Certificates(string reference) => Parsed(reference, "certificates", static pem =>
    {
        var certificates = new X509Certificate2Collection();
        certificates.ImportFromPem(pem);
        return certificates.Count > 0 ? certificates : throw new CryptographicException("there is no certificate in it");
    });

    /// <summary>A client certificate with its key and the certificates that follow it.</summary>
    /// <exception cref="SecretException">There is none.</exception>
    public SslStreamCertificateContext ClientCertificate(string reference) => Parsed(reference, "client", static pem =>
    {
        var own = X509Certificate2.CreateFromPem(pem, pem);
        var all = new X509Certificate2Collection();
        all.ImportFromPem(pem);
        return SslStreamCertificateContext.Create(own, all, offline: true);
    });

    private T Parsed<T>(string reference, string kind, Func<string, T> parse)
        where T : class
    {
        var pem = Read(reference);
        var key = $"{kind} {reference}";
        if (_parsed.TryGetValue(key, out var known) && known.Pem == pem)
            return (T)known.Parsed;
        try
        {
            var parsed = parse(pem);
            if (_parsed.Count >= Limit)
                _parsed.Clear();
            _parsed[key] = (pem, parsed);
            return parsed;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new SecretException($"{reference} is not a certificate{(kind == "client" ? " with its key" : "")} as PEM: {e.Message}");
        }
    }
}

/// <summary>A secret that a target refers to is not there, or can't be used.</summary>
public sealed class SecretException(string message) : Exception(message);
