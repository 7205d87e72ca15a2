using Dac.Contracts;

namespace Dac.Targets;

/// <summary>Checks <see cref="TcpOptions"/>.</summary>
internal static class TcpOptionsValidator
{
    private static readonly string[] Schemes = ["tcp", "tls"];
    private static readonly string[] StartTls = ["smtp", "imap", "pop3", "ftp", "ldap", "postgres"];

    public static void Check(TcpOptions options, Uri? url, bool compile, FieldErrors errors)
    {
        if (errors.WrongScheme("tcp", url, Schemes))
            return;
        if (options.StartTls is { } protocol)
        {
            if (!StartTls.Contains(protocol))
                errors.Add("tcp.startTls", protocol, "is not a protocol that TLS can be started in", $"use {string.Join(", ", StartTls)}");
            else if (url?.Scheme == "tls")
                errors.Add("tcp.startTls", protocol, "is given for the scheme 'tls', which speaks TLS from the start", "use tcp://, or take it out");
        }
        if (options.Dialogue?.Count > 16)
            errors.Add("tcp.dialogue", null, $"has {options.Dialogue.Count} entries", "16 are allowed");
        foreach (var step in options.Dialogue?.Take(16) ?? [])
        {
            if (!DialogueStep.TryParse(step, out var parsed))
                errors.Add("tcp.dialogue", step ?? "null", "is neither something to send nor something to expect", @"write it like 'send: QUIT\r\n' (with the escapes \r \n \t \0 \\ \xHH) or 'expect: ^220 '");
            else if (parsed.Expect is not null)
                errors.Regex("tcp.dialogue", parsed.Expect, compile);
            else
                errors.Length("tcp.dialogue", step, 1_000);
        }
        errors.Range("tcp.maxBytes", options.MaxBytes, 1, 1_000_000);
    }
}
