using Dac.Contracts;

namespace Dac.Targets;

/// <summary>Checks <see cref="IcmpOptions"/>.</summary>
internal static class IcmpOptionsValidator
{
    private static readonly string[] Schemes = ["icmp"];

    public static void Check(IcmpOptions options, Uri? url, FieldErrors errors)
    {
        if (!errors.WrongScheme("icmp", url, Schemes))
            errors.Range("icmp.payloadBytes", options.PayloadBytes, 8, 65_500);
    }
}
