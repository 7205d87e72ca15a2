using System.Text;
using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>What is said in clear before TLS begins, protocol by protocol.</summary>
internal static class StartTls
{
    // SMTP (RFC 5321, 4.2.1) and FTP (RFC 959, 4.2): the last line of a reply has a blank behind its number.
    private const string Numbered = @"(?m)^([0-9]{3}) .*\r?\n";

    // One request with its reply: what a whole reply looks like, and what its first group is when it is a yes.
    private sealed record Step(string Send, string Reply, string Yes);

    private static readonly Dictionary<string, Step[]> Protocols = new(StringComparer.Ordinal)
    {
        ["smtp"] = [new("", Numbered, "220"), new("EHLO dac.invalid\r\n", Numbered, "250"), new("STARTTLS\r\n", Numbered, "220")],
        ["ftp"] = [new("", Numbered, "220"), new("AUTH TLS\r\n", Numbered, "234")],
        ["imap"] = [new("", @"(?m)^\* ([A-Z]+).*\r?\n", "OK"), new("a STARTTLS\r\n", @"(?m)^a ([A-Z]+).*\r?\n", "OK")],
        ["pop3"] = [new("", @"(?m)^(\+OK|-ERR).*\r?\n", "+OK"), new("STLS\r\n", @"(?m)^(\+OK|-ERR).*\r?\n", "+OK")],
        // An ExtendedRequest 1.3.6.1.4.1.1466.20037 (RFC 4511, 4.14), and the resultCode of its response.
        ["ldap"] = [new("0\x1d\x02\x01\x01w\x18\x80\x16" + "1.3.6.1.4.1.1466.20037", @"^0[\s\S]{1,5}\x02\x01\x01x[\s\S]{1,5}\x0a\x01([\s\S])[\s\S]*", "\0")],
        // SSLRequest, and one letter (PostgreSQL's protocol, 54.2.10).
        ["postgres"] = [new("\0\0\0\x08\x04\xd2\x16\x2f", @"^([\s\S])", "S")],
    };

    /// <summary>Asks for TLS; false where the server does not grant it, which is then an outcome.</summary>
    public static async Task<bool> AskAsync(string protocol, Dialogue dialogue, Measurement measurement, CancellationToken cancellationToken)
    {
        if (!Protocols.TryGetValue(protocol, out var steps))
        {
            measurement.Fail(Outcome.Unprobeable, $"this collector does not know how to start TLS in '{protocol}'");
            return false;
        }
        foreach (var step in steps)
        {
            if (step.Send.Length > 0)
                await dialogue.SendAsync(Encoding.Latin1.GetBytes(step.Send), cancellationToken);
            if (await dialogue.ExpectAsync(step.Reply, cancellationToken) is not { } reply)
                return false;
            if (reply.Groups[1].Value != step.Yes)
            {
                measurement.Fail(Outcome.UnexpectedAnswer, $"the server starts no TLS: {reply.Value.Trim()}");
                return false;
            }
        }
        if (dialogue.Rest.Length == 0)
            return true;
        // What came in clear would be taken for what came over TLS (CVE-2011-0411).
        measurement.Fail(Outcome.ProtocolError, "the server sent data between its consent to TLS and the handshake");
        return false;
    }
}
