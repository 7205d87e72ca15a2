using Dac.Contracts;

namespace Dac.Targets;

/// <summary>Checks <see cref="DnsOptions"/>, and the URL that goes with them.</summary>
internal static class DnsOptionsValidator
{
    private static readonly string[] Schemes = ["dns"];

    public static void Check(DnsOptions options, Uri? url, bool compile, FieldErrors errors)
    {
        if (errors.WrongScheme("dns", url, Schemes))
            return;
        foreach (var rcode in options.Rcode?.Split(',', StringSplitOptions.TrimEntries) ?? [])
        {
            if (!DnsQuery.Rcodes.Contains(rcode))
                errors.Add("dns.rcode", rcode, "is not a response code", $"use {string.Join(", ", DnsQuery.Rcodes)}, separated by commas");
        }
        errors.Regexes("dns.answerMatches", options.AnswerMatches, compile);
        errors.Regexes("dns.answerForbids", options.AnswerForbids, compile);
        if (options.AllowEmpty == true && options.AnswerMatches is { Count: > 0 } matches)
            errors.Add("dns.answerMatches", matches[0], "must match a record, and dns.allowEmpty accepts an answer without any", "take one of them out");
        if (options.Transport is { } transport && transport is not ("udp" or "tcp"))
            errors.Add("dns.transport", transport, "is not a transport of DNS", "use udp or tcp");
    }
}
