namespace Dac.Targets;

/// <summary>The schemes that a prober exists for, and what their URLs look like.</summary>
public static class UrlScheme
{
    /// <summary>Port that is not a number of its own: there is none, or it must be given.</summary>
    private const int None = 0, Needed = -1;

    // A path is what is asked for, where there is something to ask.
    private static readonly Dictionary<string, (int Port, bool HasPath)> Known = new(StringComparer.OrdinalIgnoreCase)
    {
        ["http"] = (80, true),
        ["https"] = (443, true),
        ["tcp"] = (Needed, false),
        ["tls"] = (443, false),
        ["dns"] = (53, true),
        ["icmp"] = (None, false),
        ["ws"] = (80, true),
        ["wss"] = (443, true),
        ["grpc"] = (80, false),
        ["grpcs"] = (443, false),
    };

    /// <summary>Their names.</summary>
    public static IReadOnlyList<string> All { get; } = [.. Known.Keys];

    /// <summary>The port of a URL: its own, or its scheme's; 0 where there is none.</summary>
    public static int Port(Uri url) => url.Port >= 0 ? url.Port : Port(url.Scheme);

    /// <summary>The port of a scheme; 0 where there is none.</summary>
    public static int Port(string scheme) => Math.Max(0, Known.GetValueOrDefault(scheme).Port);

    /// <summary>Refuses what a scheme has no use for, and the want of what it needs.</summary>
    internal static bool Check(string text, Uri url, FieldErrors errors)
    {
        if (!Known.TryGetValue(url.Scheme, out var scheme))
            errors.Add("url", UserInfo.Masked(text), $"no prober for the scheme '{url.Scheme}'", $"use {string.Join(", ", All.SkipLast(1))} or {All[^1]}");
        else if (url.Host.Length == 0 && url.Scheme == "dns")
            errors.Add("url", UserInfo.Masked(text), "has no resolver", "name the one that is to be asked, like dns://9.9.9.9/example.org?type=AAAA");
        else if (url.Host.Length == 0)
            errors.Add("url", UserInfo.Masked(text), "has no host", $"give one like {url.Scheme}://example.org{(scheme.Port == Needed ? ":22" : "")}");
        else if (url.Port is 0)
            errors.Add("url", UserInfo.Masked(text), "port 0 can't be connected to", "use 1 to 65535");
        else if (scheme.Port == Needed && url.Port < 0)
            errors.Add("url", UserInfo.Masked(text), "has no port", $"give it like {url.Scheme}://{url.Host}:22");
        else if (scheme.Port == None && url.Port > 0)
            errors.Add("url", UserInfo.Masked(text), $"has a port, and {url.Scheme} knows none", $"write {url.Scheme}://{url.Host}");
        else if (!scheme.HasPath && (url.AbsolutePath is not ("" or "/") || url.Query.Length > 0))
            errors.Add("url", UserInfo.Masked(text), $"has a path or a query, for which {url.Scheme} has no use", "take it out");
        else if (url.Scheme == "dns" && DnsQuery.Parse(url, out var error) is null)
            errors.Add("url", UserInfo.Masked(text), error.Problem, error.Fix);
        else
            return true;
        return false;
    }
}
