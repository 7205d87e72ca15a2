namespace Dac.Collector.Probing;

/// <summary>One request of a probe.</summary>
/// <param name="Url">Where to.</param>
/// <param name="Method">Its method.</param>
/// <param name="Headers">Headers beyond the prober's own, or null.</param>
/// <param name="Body">Its body, or null.</param>
internal readonly record struct HttpCall(Uri Url, string Method, IReadOnlyList<KeyValuePair<string, string>>? Headers, string? Body);

/// <summary>The head of an answer, and its body yet to be read.</summary>
internal sealed class HttpAnswer(HttpResponseMessage response) : IDisposable
{
    /// <summary>100 to 599, as far as servers keep to it.</summary>
    public int Status => (int)response.StatusCode;

    /// <summary>The words behind the status; empty in HTTP/2 and 3.</summary>
    public string? Reason => response.ReasonPhrase;

    /// <summary>Version of the answer, like 1.1.</summary>
    public Version Version => response.Version;

    /// <summary>Character set of the body, or null.</summary>
    public string? Charset => response.Content.Headers.ContentType?.CharSet;

    /// <summary>A header's value, several joined by a comma; null where it is not there.</summary>
    public string? Header(string name) =>
        response.Headers.NonValidated.TryGetValues(name, out var values) || response.Content.Headers.NonValidated.TryGetValues(name, out values) ? values.ToString() : null;

    /// <summary>The body as it comes, without transfer coding.</summary>
    public Task<Stream> BodyAsync(CancellationToken timeout) => response.Content.ReadAsStreamAsync(timeout);

    /// <inheritdoc/>
    public void Dispose() => response.Dispose();
}
