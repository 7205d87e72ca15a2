using System.Text;
using System.Text.Unicode;
using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>The requests of a probe: the first as the target asks for it, and where a redirect leads.</summary>
internal sealed class HttpRequests(SecretReader secrets)
{
    /// <summary>The first request.</summary>
    /// <param name="probe">The probe.</param>
    /// <param name="url">Its URL.</param>
    public HttpCall First(ProbeUrl probe, Uri url) => new(url, probe.Http?.Method ?? "GET", Headers(probe.Http, home: true), probe.Http?.Body);

    /// <summary>Where an answer redirects to; null where it does not, or is not followed, <paramref name="reason"/> says why.</summary>
    public HttpCall? Next(ProbeUrl probe, HttpCall call, HttpAnswer answer, out string? reason)
    {
        reason = null;
        if (answer.Status is not (301 or 302 or 303 or 307 or 308) || answer.Header("Location") is not { } location)
            return null;
        if (probe.Http?.FollowRedirects == false)
            reason = "; redirects are not followed";
        else if (!Uri.TryCreate(call.Url, Decoded(location), out var next) || next.Host.Length == 0 && next.Scheme is "http" or "https")
            reason = "; its redirect leads nowhere";
        else if (next.Scheme is not ("http" or "https"))
            reason = $"; a redirect to {next.Scheme} is not followed";
        else if (call.Url.Scheme == "https" && next.Scheme == "http")
            reason = "; a redirect from https to http is not followed";
        else
            return Follow(probe, call, answer.Status, next);
        return null;
    }

    /// <summary>Whether it is the host of the target's own URL, which alone gets what is secret. From http to https on the usual ports it stays the same.</summary>
    public static bool IsHome(ProbeUrl probe, Uri url)
    {
        // The usual case, without reading the URL again.
        if (url.OriginalString == probe.Url)
            return true;
        var home = new Uri(probe.Url);
        return home.IdnHost.Equals(url.IdnHost, StringComparison.OrdinalIgnoreCase) && (home.Port == url.Port || (home.IsDefaultPort && url.IsDefaultPort));
    }

    // A header's bytes are read one for one; what servers write into this one beyond ASCII is UTF-8, as browsers take it.
    private static string Decoded(string location)
    {
        if (Ascii.IsValid(location) || location.AsSpan().ContainsAnyExceptInRange('\0', '\u00FF'))
            return location;
        var bytes = Encoding.Latin1.GetBytes(location);
        return Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : location;
    }

    // RFC 9110, 15.4: 303 always becomes a GET, 301 and 302 do so after POST, 307 and 308 repeat the request.
    private HttpCall Follow(ProbeUrl probe, HttpCall call, int status, Uri next)
    {
        var get = status == 303 ? call.Method != "HEAD" : status is 301 or 302 && call.Method == "POST";
        return new(next, get ? "GET" : call.Method, Headers(probe.Http, IsHome(probe, next)), get ? null : call.Body);
    }

    private List<KeyValuePair<string, string>>? Headers(HttpOptions? http, bool home)
    {
        if (http is null || (http.Headers ?? http.SecretHeaders ?? (object?)http.BasicUser ?? http.Bearer) is null)
            return null;
        var headers = new List<KeyValuePair<string, string>>();
        foreach (var header in http.Headers ?? new Dictionary<string, string>())
        {
            // What a header of the target's own means is not known: only what says nothing of it goes elsewhere.
            if (home || header.Key.StartsWith("Accept", StringComparison.OrdinalIgnoreCase) || header.Key.Equals("User-Agent", StringComparison.OrdinalIgnoreCase)
                || header.Key.Equals("Content-Type", StringComparison.OrdinalIgnoreCase))
                headers.Add(header);
        }
        if (!home)
            return headers;
        foreach (var (name, reference) in http.SecretHeaders ?? new Dictionary<string, string>())
            headers.Add(new(name, secrets.ReadHeader(reference)));
        if (http is { BasicUser: { } user, BasicPassword: { } password })
            headers.Add(new("Authorization", $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{secrets.ReadHeader(password)}"))}"));
        if (http.Bearer is { } bearer)
            headers.Add(new("Authorization", $"Bearer {secrets.ReadHeader(bearer)}"));
        return headers;
    }
}
