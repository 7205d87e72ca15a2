using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Dac.Collector.Probing;

/// <summary>
/// Addresses that no probe may connect to. Asked after the name is resolved and for every connection, so also behind a redirect; an IPv4 address counts in
/// whatever IPv6 form it comes. What is allowed by name is allowed though its network is denied.
/// </summary>
public sealed class EgressGuard(CollectorOptions options)
{
    /// <summary>
    /// What <see cref="CollectorOptions.MultiTenant"/> denies too: this host, private and shared ranges, multicast, documentation, and every IPv6 form that
    /// carries an IPv4 address to a place of its own choice (Teredo).
    /// </summary>
    public const string MultiTenantNetworks =
        "0.0.0.0/8,127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,192.0.0.0/24,198.18.0.0/15,224.0.0.0/4,240.0.0.0/4,"
        + "::/128,::1/128,fc00::/7,fec0::/10,ff00::/8,2001::/32";

    private static readonly IPNetwork Nat64 = IPNetwork.Parse("64:ff9b::/96");
    private static readonly IPNetwork Nat64Local = IPNetwork.Parse("64:ff9b:1::/48");
    private static readonly IPNetwork SixToFour = IPNetwork.Parse("2002::/16");
    private static readonly IPNetwork Compatible = IPNetwork.Parse("::/96");

    private readonly EgressRule[] _denied = [.. EgressRule.ParseAll(options.DeniedNetworks), .. EgressRule.ParseAll(options.MultiTenant ? MultiTenantNetworks : "")];
    private readonly EgressRule[] _allowed = [.. EgressRule.ParseAll(options.AllowedNetworks)];

    /// <summary>Whether a target may name a proxy, behind which this guard sees no addresses.</summary>
    public bool AllowsProxies { get; } = !options.MultiTenant;

    /// <summary>Whether a connection to this address and port is denied; port 0 for what has none (ICMP).</summary>
    public bool Denies(IPAddress address, int port)
    {
        var inner = Inner(address);
        // Only what the address comes down to is allowed: a network as wide as ::/0 must not let an IPv4 address through that is denied.
        return (Any(_denied, inner, port) || (!ReferenceEquals(inner, address) && Any(_denied, address, port))) && !Any(_allowed, inner, port);
    }

    private static bool Any(EgressRule[] rules, IPAddress address, int port)
    {
        foreach (var rule in rules)
        {
            if (rule.Covers(address, port))
                return true;
        }
        return false;
    }

    // RFC 4291 2.5.5 (mapped and compatible), RFC 6052 (NAT64), RFC 8215 (local NAT64), RFC 3056 (6to4).
    private static IPAddress Inner(IPAddress address)
    {
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
            return address;
        if (address.IsIPv4MappedToIPv6)
            return address.MapToIPv4();
        var octets = address.GetAddressBytes();
        if (SixToFour.Contains(address))
            return new IPAddress(octets.AsSpan(2, 4));
        // ::1 is loopback itself, not 0.0.0.1, and :: is any address, not 0.0.0.0.
        return Nat64.Contains(address) || Nat64Local.Contains(address)
            || (Compatible.Contains(address) && !IPAddress.IsLoopback(address) && !address.Equals(IPAddress.IPv6Any))
            ? new IPAddress(octets.AsSpan(12, 4))
            : address;
    }
}

/// <summary>A network, of all its ports or of some: <c>10.0.0.0/8</c>, <c>127.0.0.0/8@8080</c>, <c>::/0@1-1023</c>.</summary>
internal readonly record struct EgressRule(IPNetwork Network, int FromPort, int ToPort)
{
    public bool Covers(IPAddress address, int port) => port >= FromPort && port <= ToPort && Network.Contains(address);

    public static IEnumerable<EgressRule> ParseAll(string rules) => Split(rules).Select(r => Parse(r) ?? throw new FormatException($"'{r}' is not a network"));

    public static string[] Split(string rules) => rules.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    public static EgressRule? Parse(string rule)
    {
        var at = rule.IndexOf('@', StringComparison.Ordinal);
        if (!IPNetwork.TryParse(at < 0 ? rule : rule.AsSpan(0, at), out var network))
            return null;
        if (at < 0)
            return new(network, 0, IPEndPoint.MaxPort);
        var ports = rule[(at + 1)..].Split('-');
        return ports.Length <= 2 && TryPort(ports[0], out var from) && TryPort(ports[^1], out var to) && from <= to ? new(network, from, to) : null;
    }

    private static bool TryPort(string text, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is > 0 and <= IPEndPoint.MaxPort;
}

/// <summary>Allows a list of networks in CIDR form, each with a port or a range of ports if need be, separated by commas.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class NetworksAttribute() : ValidationAttribute("networks like 169.254.0.0/16,fe80::/10,10.0.0.0/8@22,::/0@1-1023, separated by commas")
{
    /// <inheritdoc/>
    public override bool IsValid(object? value) => value is string text && EgressRule.Split(text).All(n => EgressRule.Parse(n) is not null);
}
