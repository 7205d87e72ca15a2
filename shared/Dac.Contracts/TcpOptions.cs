namespace Dac.Contracts;

/// <summary>What a <c>tcp</c> or <c>tls</c> target asks for beyond its URL. Every field is optional.</summary>
public sealed record TcpOptions
{
    /// <summary>
    /// Protocol in which TLS is asked for, on <c>tcp</c> alone: <c>smtp</c> (RFC 3207), <c>imap</c> (RFC 9051), <c>pop3</c> (RFC 2595), <c>ftp</c> (RFC 4217),
    /// <c>ldap</c> (RFC 4511) or <c>postgres</c>. The dialogue goes on inside. Default: none.
    /// </summary>
    public string? StartTls { get; init; }

    /// <summary>
    /// What is said and expected, in this order, up to 16 steps of 1,000 characters; the target's <c>regex</c> is expected after them. Default: a connection is enough.
    /// <c>send: TEXT</c> sends as UTF-8, with the escapes <c>\r \n \t \0 \\</c> and <c>\xHH</c> (one byte), and nothing added: end a line with <c>\r\n</c>.
    /// <c>expect: REGEX</c> waits for what matches among the bytes received since the match before; a byte is a character of Latin-1, so that binary protocols match too.
    /// </summary>
    public IReadOnlyList<string>? Dialogue { get; init; }

    /// <summary>Most bytes that one <c>expect</c> looks through, 1 to 1,000,000. Default: 65,536.</summary>
    public int? MaxBytes { get; init; }
}
