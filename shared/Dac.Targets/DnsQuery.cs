using System.Globalization;

namespace Dac.Targets;

/// <summary>What a URL <c>dns://resolver[:53]/name?type=AAAA</c> asks (after RFC 4501); without a name, the root.</summary>
/// <param name="Name">Name in ASCII, with its last dot.</param>
/// <param name="Type">Type of record, in capitals.</param>
public sealed record DnsQuery(string Name, string Type)
{
    /// <summary>Types that are asked for.</summary>
    public static readonly IReadOnlyList<string> Types = ["A", "AAAA", "CAA", "CNAME", "DNSKEY", "DS", "MX", "NAPTR", "NS", "PTR", "SOA", "SRV", "TLSA", "TXT"];

    /// <summary>Response codes by their number (RFC 6895).</summary>
    public static readonly IReadOnlyList<string> Rcodes = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE"];

    /// <summary>Reads the URL's path and query; null where they are none, with what is wrong.</summary>
    public static DnsQuery? Parse(Uri url, out (string Problem, string Fix) error)
    {
        error = default;
        var name = Uri.UnescapeDataString(url.AbsolutePath).TrimStart('/');
        var type = "A";
        if (url.Query.Length > 1)
        {
            if (!url.Query.StartsWith("?type=", StringComparison.OrdinalIgnoreCase) || !Types.Contains(type = url.Query["?type=".Length..].ToUpperInvariant()))
            {
                error = ($"'{url.Query}' is not a type of record that is asked for", $"write ?type= and one of {string.Join(", ", Types)}");
                return null;
            }
        }
        // A dot alone is lost where URLs are made canonical.
        if (name.Length == 0 && url.Query.Length > 1)
            name = ".";
        if (Ascii(name) is { } ascii)
            return new DnsQuery(ascii, type);
        error = (name.Length == 0 ? "names no name to ask for" : $"'{name}' is not a domain name", "write dns://resolver/name?type=AAAA, like dns://9.9.9.9/example.org");
        return null;
    }

    // Labels of RFC 1035, underscores and digits as in practice.
    private static string? Ascii(string name)
    {
        if (name == ".")
            return name;
        try
        {
            var ascii = new IdnMapping { UseStd3AsciiRules = false }.GetAscii(name.TrimEnd('.'));
            return ascii.Length is > 0 and <= 253 && name.TrimEnd('.').Length >= name.Length - 1 && ascii.Split('.').All(IsLabel) ? ascii + "." : null;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    private static bool IsLabel(string label) => label.Length is > 0 and <= 63 && label.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '*' or '/');
}
