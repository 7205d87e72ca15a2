using System.Net.Http.Headers;

namespace Dac.Collector.Probing;

/// <summary>One request of a probe.</summary>
/// <param name="Url">Where to.</param>
/// <param name="Method">Its method.</param>
/// <param name="Headers">Headers beyond the prober's own, or null.</param>
/// <param name="Body">Its body, or null.</param>
internal readonly record struct HttpCall(Uri Url, string Method, IReadOnlyList<KeyValuePair<string, string>>? Headers, string? Body);

/// <summary>The head of an answer, and its body yet to be read.</summary>
internal abstract class HttpAnswer : IDisposable
{
    /// <summary>100 to 599, as far as servers keep to it.</summary>
    public abstract int Status { get; }

    /// <summary>The words behind the status; empty in HTTP/2 and 3.</summary>
    public abstract string? Reason { get; }

    /// <summary>Character set of the body, or null.</summary>
    public string? Charset => MediaTypeHeaderValue.TryParse(Header("Content-Type"), out var type) ? type.CharSet : null;

    /// <summary>A header's value, several joined by a comma; null where it is not there.</summary>
    public abstract string? Header(string name);

    /// <summary>The body as it comes, without transfer coding.</summary>
    public abstract ValueTask<Stream> BodyAsync(CancellationToken timeout);

    /// <inheritdoc/>
    public abstract void Dispose();
}
