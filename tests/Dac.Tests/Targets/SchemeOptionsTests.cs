using System.Text.Json;
using Dac.Targets;

namespace Dac.Tests.Targets;

/// <summary>URLs and options of the schemes other than HTTP: what is taken, and that a mistake is refused with field, value and remedy.</summary>
public sealed class SchemeOptionsTests
{
    [Theory]
    [InlineData("""{"url": "tcp://example.org:22"}""")]
    [InlineData("""{"url": "tcp://[2001:db8::1]:25", "tcp": {"startTls": "smtp", "dialogue": ["expect: ^220 ", "send: QUIT\\r\\n\\x00\\\\"], "maxBytes": 100}, "tls": {"minDays": 14}}""")]
    [InlineData("""{"url": "tls://example.org"}""")]
    [InlineData("""{"url": "tls://example.org:993/", "tcp": {"dialogue": ["expect: OK"]}}""")]
    [InlineData("""{"url": "dns://9.9.9.9/example.org"}""")]
    [InlineData("""{"url": "dns://[2620:fe::fe]:5353/_sip._tcp.b%C3%BCcher.example.?type=srv", "dns": {"rcode": "NOERROR,NXDOMAIN", "answerMatches": ["a"], "answerForbids": ["b"], "transport": "tcp", "recursion": false}}""")]
    [InlineData("""{"url": "dns://ns.example.org/.?type=NS", "dns": {"allowEmpty": true}}""")]
    [InlineData("""{"url": "icmp://example.org", "icmp": {"payloadBytes": 8, "dontFragment": true}, "network": {"ipVersion": "4"}}""")]
    [InlineData("""{"url": "ws://example.org/live?x=1", "ws": {"headers": {"Origin": "https://example.org"}, "secretHeaders": {"Authorization": "env:DAC_SECRET_X"}, "subprotocol": "chat", "send": "hello", "expect": "^hi", "maxBytes": 10}}""")]
    [InlineData("""{"url": "wss://example.org"}""")]
    [InlineData("""{"url": "grpc://example.org:50051", "grpc": {"service": "shop.Orders", "metadata": {"x-tenant": "a"}, "secretMetadata": {"authorization": "file:token"}}}""")]
    [InlineData("""{"url": "grpcs://example.org", "tls": {"serverName": "other.example"}}""")]
    public void What_is_right_is_taken(string json) => Assert.Empty(Errors(json));

    [Theory]
    [InlineData("""{"url": "tcp://example.org"}""", "url 'tcp://example.org': has no port; give it like tcp://example.org:22")]
    [InlineData("""{"url": "tcp://example.org:22/path"}""", "has a path or a query, for which tcp has no use")]
    [InlineData("""{"url": "icmp://example.org:7"}""", "has a port, and icmp knows none; write icmp://example.org")]
    [InlineData("""{"url": "grpc://example.org/shop.Orders"}""", "for which grpc has no use")]
    [InlineData("""{"url": "dns:///example.org"}""", "has no resolver; name the one that is to be asked")]
    [InlineData("""{"url": "dns://9.9.9.9"}""", "names no name to ask for; write dns://resolver/name?type=AAAA")]
    [InlineData("""{"url": "dns://9.9.9.9/exa%20mple"}""", "'exa mple' is not a domain name")]
    [InlineData("""{"url": "dns://9.9.9.9/a..b"}""", "'a..b' is not a domain name")]
    [InlineData("""{"url": "dns://9.9.9.9/x?type=ANY"}""", "'?type=ANY' is not a type of record that is asked for; write ?type= and one of A, AAAA")]
    [InlineData("""{"url": "tcp://x:1", "tcp": {"startTls": "gopher"}}""", "tcp.startTls 'gopher': is not a protocol that TLS can be started in; use smtp, imap, pop3, ftp, ldap, postgres")]
    [InlineData("""{"url": "tls://x", "tcp": {"startTls": "smtp"}}""", "tcp.startTls 'smtp': is given for the scheme 'tls'")]
    [InlineData("""{"url": "tcp://x:1", "tcp": {"dialogue": ["QUIT"]}}""", "tcp.dialogue 'QUIT': is neither something to send nor something to expect")]
    [InlineData("""{"url": "tcp://x:1", "tcp": {"dialogue": ["send: \\q"]}}""", "is neither something to send nor something to expect")]
    [InlineData("""{"url": "tcp://x:1", "tcp": {"dialogue": ["send: \\x1"]}}""", "is neither something to send nor something to expect")]
    [InlineData("""{"url": "tcp://x:1", "tcp": {"dialogue": ["expect: a(b"]}}""", "tcp.dialogue 'a(b': is not a regular expression")]
    [InlineData("""{"url": "tcp://x:1", "tcp": {"maxBytes": 0}}""", "tcp.maxBytes '0': is out of range; use 1 to 1,000,000")]
    [InlineData("""{"url": "https://x", "tcp": {"maxBytes": 1}}""", "tcp: is given for the scheme 'https'; take it out: it is for tcp, tls")]
    [InlineData("""{"url": "dns://x/y", "dns": {"rcode": "NXDOMAINE"}}""", "dns.rcode 'NXDOMAINE': is not a response code; use NOERROR")]
    [InlineData("""{"url": "dns://x/y", "dns": {"transport": "tls"}}""", "dns.transport 'tls': is not a transport of DNS; use udp or tcp")]
    [InlineData("""{"url": "dns://x/y", "dns": {"answerMatches": ["("]}}""", "dns.answerMatches '(': is not a regular expression")]
    [InlineData("""{"url": "dns://x/y", "dns": {"allowEmpty": true, "answerMatches": ["a"]}}""", "dns.answerMatches 'a': must match a record, and dns.allowEmpty accepts an answer without any")]
    [InlineData("""{"url": "icmp://x", "icmp": {"payloadBytes": 70000}}""", "icmp.payloadBytes '70000': is out of range; use 8 to 65,500")]
    [InlineData("""{"url": "ws://x", "ws": {"headers": {"Sec-WebSocket-Key": "x"}}}""", "ws.headers 'Sec-WebSocket-Key': is set by the prober itself")]
    [InlineData("""{"url": "ws://x", "ws": {"headers": {"Authorization": "Bearer x"}}}""", "carries a secret, which would be stored in clear; give it in ws.secretHeaders")]
    [InlineData("""{"url": "ws://x", "ws": {"subprotocol": "a b"}}""", "ws.subprotocol 'a b': is not the name of a subprotocol")]
    [InlineData("""{"url": "ws://x", "ws": {"send": ""}}""", "ws.send: has 0 characters; use 1 to 4,000")]
    [InlineData("""{"url": "grpc://x", "grpc": {"metadata": {"trace-bin": "x"}}}""", "grpc.metadata 'trace-bin': is binary by its name")]
    [InlineData("""{"url": "grpc://x", "grpc": {"secretMetadata": {"authorization": "hunter2"}}}""", "grpc.secretMetadata: is not a reference to a secret")]
    [InlineData("""{"url": "icmp://x", "tls": {"minDays": 1}}""", "tls: is given for the scheme 'icmp'")]
    public void A_mistake_is_refused_with_field_and_remedy(string json, string error) => Assert.Contains(error, Assert.Single(Errors(json)).ToString(), StringComparison.Ordinal);

    [Fact]
    public void A_dialogue_survives_CSV()
    {
        using var csv = new StringWriter();
        TargetDefinition[] written = [new() { Url = "tcp://x:25", Interval = "1m", Tcp = new() { StartTls = "smtp", Dialogue = ["expect: ^220 \"a\", b", @"send: QUIT\r\n"] } }];
        TargetCsv.Write(csv, written);
        var (read, errors) = TargetCsv.Read(new StringReader(csv.ToString()));
        Assert.Empty(errors);
        Assert.Equivalent(written, read, strict: true);
    }

    private static IReadOnlyList<FieldError> Errors(string json) =>
        TargetValidator.Validate(JsonSerializer.Deserialize(json, TargetJson.Default.TargetDefinition)! with { Interval = "30s" }).Errors;
}
