using System.Net;
using Dac.Contracts;

namespace Dac.Targets;

/// <summary>Checks <see cref="NetworkOptions"/>.</summary>
internal static class NetworkOptionsValidator
{
    public static void Check(NetworkOptions options, Uri? url, FieldErrors errors)
    {
        if (options.IpVersion is { } version && version is not ("any" or "4" or "6" or "prefer4" or "prefer6"))
            errors.Add("network.ipVersion", version, "is not an IP version", "use 4, 6, prefer4, prefer6 or any");
        else if (options.IpVersion is "4" or "6" && IPAddress.TryParse(url?.Host, out var literal) && literal.GetAddressBytes().Length == 4 != (options.IpVersion == "4"))
            errors.Add("network.ipVersion", options.IpVersion, $"excludes the URL's own address {literal}", "take it out, or change the URL");
        if (options.Resolver is not { } resolver)
            return;
        if (!NameServerAddress.TryParse(resolver, out _))
            errors.Add("network.resolver", resolver, "is not an address of a name server", "write it like 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:53");
        else if (IPAddress.TryParse(url?.Host, out _))
            errors.Add("network.resolver", resolver, "is given for a URL with an address, which needs none", "take it out");
    }
}
