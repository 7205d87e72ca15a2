using System.ComponentModel.DataAnnotations;
using System.Net;
using System.Net.Sockets;

namespace Dac.Collector.Probing;

/// <summary>
/// Addresses that no probe may connect to. Asked after the name is resolved and for every connection, so also behind a redirect; an IPv4 address counts in
/// whatever IPv6 form it comes.
/// </summary>
public sealed class EgressGuard(string deniedNetworks)
{
    private static readonly IPNetwork Nat64 = IPNetwork.Parse("64:ff9b::/96");
    private static readonly IPNetwork Nat64Local = IPNetwork.Parse("64:ff9b:1::/48");
    private static readonly IPNetwork SixToFour = IPNetwork.Parse("2002::/16");
    private static readonly IPNetwork Compatible = IPNetwork.Parse("::/96");

    private readonly IPNetwork[] _denied = [.. Split(deniedNetworks).Select(IPNetwork.Parse)];

    /// <summary>Whether a connection to this address is denied.</summary>
    public bool Denies(IPAddress address)
    {
        var inner = Inner(address);
        return _denied.Any(n => n.Contains(address) || n.Contains(inner));
    }

    /// <summary>The networks of a list.</summary>
    internal static string[] Split(string networks) => networks.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

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
        // ::1 is loopback itself, not 0.0.0.1.
        return Nat64.Contains(address) || Nat64Local.Contains(address) || (Compatible.Contains(address) && !IPAddress.IsLoopback(address))
            ? new IPAddress(octets.AsSpan(12, 4))
            : address;
    }
}

/// <summary>Allows a list of networks in CIDR form, separated by commas.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class NetworksAttribute() : ValidationAttribute("networks like 169.254.0.0/16,fe80::/10, separated by commas")
{
    /// <inheritdoc/>
    public override bool IsValid(object? value) => value is string text && EgressGuard.Split(text).All(n => IPNetwork.TryParse(n, out _));
}
