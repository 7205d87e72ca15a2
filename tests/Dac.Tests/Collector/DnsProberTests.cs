using Dac.Collector;
using Dac.Collector.Probing;
using Dac.Contracts;

namespace Dac.Tests.Collector;

/// <summary><see cref="DnsProber"/> against a name server on loopback.</summary>
public sealed class DnsProberTests
{
    [Fact]
    public async Task A_name_with_a_record_of_the_type_is_up_with_code_size_and_time()
    {
        await using var server = new DnsServer(q => DnsServer.Answer(q, records: [DnsServer.Aaaa("2001:db8::1")]));
        var result = await ProbeOnce.RunAsync($"{server.Url}/www.example.org?type=AAAA");
        Assert.Equal((Outcome.Up, (short)0, 61), (result.Outcome, result.StatusCode!.Value, result.Bytes!.Value));
        Assert.InRange(result.FirstByteUs!.Value, 1, result.TotalUs!.Value);
        Assert.NotNull(result.ResolveUs);
    }

    [Fact]
    public async Task Names_are_asked_for_as_they_are_written_also_with_umlauts()
    {
        string? asked = null;
        await using var server = new DnsServer(q =>
        {
            asked = System.Text.Encoding.ASCII.GetString(q, 13, q[12]);
            return DnsServer.Answer(q, records: [DnsServer.A("192.0.2.1")]);
        });
        var result = await ProbeOnce.RunAsync($"{server.Url}/bücher.example");
        Assert.Equal((Outcome.Up, null), (result.Outcome, result.Error));
        Assert.Equal("xn--bcher-kva", asked);
    }

    [Theory]
    [InlineData(3, null, Outcome.BadRcode, "response code NXDOMAIN, accepted is NOERROR")]
    [InlineData(2, null, Outcome.BadRcode, "response code SERVFAIL")]
    [InlineData(5, null, Outcome.BadRcode, "response code REFUSED")]
    [InlineData(3, "NXDOMAIN", Outcome.Up, null)]
    [InlineData(3, "NOERROR,NXDOMAIN", Outcome.Up, null)]
    [InlineData(0, "NXDOMAIN", Outcome.BadRcode, "response code NOERROR, accepted is NXDOMAIN")]
    public async Task The_response_code_must_be_an_accepted_one(int rcode, string? accepted, Outcome outcome, string? error)
    {
        await using var server = new DnsServer(q => DnsServer.Answer(q, rcode));
        var result = await ProbeOnce.RunAsync($"{server.Url}/example.org", p => p with { Dns = new() { Rcode = accepted } });
        Assert.Equal((outcome, (short)rcode), (result.Outcome, result.StatusCode!.Value));
        Assert.Contains(error ?? "", result.Error ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_without_a_record_of_the_type_is_down_unless_that_is_accepted()
    {
        await using var server = new DnsServer(q => DnsServer.Answer(q, records: [DnsServer.Txt("x")]));
        var result = await ProbeOnce.RunAsync($"{server.Url}/example.org?type=MX");
        Assert.Equal((Outcome.UnexpectedAnswer, "example.org. has no MX record"), (result.Outcome, result.Error));
        Assert.Equal(Outcome.Up, (await ProbeOnce.RunAsync($"{server.Url}/example.org?type=MX", p => p with { Dns = new() { AllowEmpty = true } })).Outcome);
    }

    [Theory]
    [InlineData(@"192\.0\.2\.1$", null, Outcome.Up, "")]
    [InlineData(@"192\.0\.2\.9$", null, Outcome.UnexpectedAnswer, @"no record matches '192\.0\.2\.9$': example.org. 300 IN A 192.0.2.1, example.org. 300 IN A 192.0.2.2")]
    [InlineData(null, @"192\.0\.2\.2", Outcome.UnexpectedAnswer, "a record matches '192\\.0\\.2\\.2': example.org. 300 IN A 192.0.2.2")]
    [InlineData(null, "192.168", Outcome.Up, "")]
    public async Task Records_must_match_or_not(string? matches, string? forbids, Outcome outcome, string error)
    {
        await using var server = new DnsServer(q => DnsServer.Answer(q, records: [DnsServer.A("192.0.2.1"), DnsServer.A("192.0.2.2")]));
        var result = await ProbeOnce.RunAsync($"{server.Url}/example.org", p => p with { Dns = new() { AnswerMatches = matches is null ? null : [matches], AnswerForbids = forbids is null ? null : [forbids] } });
        Assert.Equal((outcome, error), (result.Outcome, result.Error ?? ""));
    }

    [Fact]
    public async Task The_targets_regex_stores_what_it_matches_of_the_records()
    {
        await using var server = new DnsServer(q => DnsServer.Answer(q, records: [DnsServer.A("192.0.2.1"), DnsServer.A("192.0.2.2")]));
        Assert.Equal("192.0.2.1 192.0.2.2", (await ProbeOnce.RunAsync($"{server.Url}/example.org", p => p with { Regex = @"192\.[0-9.]+" })).Match);
    }

    [Fact]
    public async Task An_answer_that_was_cut_is_asked_for_over_TCP()
    {
        await using var server = new DnsServer(q => DnsServer.Answer(q, cut: true), q => DnsServer.Framed(DnsServer.Answer(q, records: [DnsServer.A("192.0.2.1")])));
        Assert.Equal(Outcome.Up, (await ProbeOnce.RunAsync($"{server.Url}/example.org")).Outcome);
    }

    [Fact]
    public async Task Tcp_alone_can_be_asked_for()
    {
        await using var server = new DnsServer(_ => null, q => DnsServer.Framed(DnsServer.Answer(q, records: [DnsServer.A("192.0.2.1")])));
        Assert.Equal(Outcome.Up, (await ProbeOnce.RunAsync($"{server.Url}/example.org", p => p with { Dns = new() { Transport = "tcp" } })).Outcome);
    }

    [Fact]
    public async Task A_silent_resolver_is_a_target_that_timed_out_and_no_observer_fault()
    {
        await using var server = new DnsServer(_ => null);
        var result = await ProbeOnce.RunAsync($"{server.Url}/example.org", timeoutMs: 200);
        Assert.Equal((Outcome.Timeout, "not finished within 200 ms"), (result.Outcome, result.Error));
    }

    [Fact]
    public async Task A_resolver_that_refuses_TCP_is_down()
    {
        await using var server = new DnsServer(_ => null);
        var result = await ProbeOnce.RunAsync($"{server.Url}/example.org", p => p with { Dns = new() { Transport = "tcp" } });
        Assert.Equal((Outcome.ConnectFailed, "connection refused"), (result.Outcome, result.Error));
    }

    [Fact]
    public async Task The_egress_guard_holds_for_the_resolvers_address()
    {
        await using var server = new DnsServer(_ => throw new InvalidOperationException("was reached"));
        Assert.Equal(Outcome.Denied, (await ProbeOnce.RunAsync($"{server.Url}/example.org", options: new CollectorOptions { DeniedNetworks = "127.0.0.0/8" })).Outcome);
    }

    [Theory]
    [InlineData("nothing")]
    [InlineData("garbage")]
    [InlineData("a query")]
    [InlineData("another question")]
    [InlineData("another id")]
    [InlineData("a pointer to itself")]
    [InlineData("more records than there are")]
    public async Task An_answer_that_breaks_the_protocol_is_down(string behaviour)
    {
        byte[] Hostile(byte[] query)
        {
            var answer = DnsServer.Answer(query, records: [DnsServer.A("192.0.2.1")]);
            switch (behaviour)
            {
                case "nothing":
                    return [];
                case "garbage":
                    return [1, 2, 3];
                case "a query":
                    return query;
                case "another question":
                    answer[13] ^= 1;
                    return answer;
                case "another id":
                    answer[0] ^= 1;
                    return answer;
                case "a pointer to itself":
                    answer[^16] = 0xC0;
                    answer[^15] = (byte)(answer.Length - 16);
                    return answer;
                default:
                    answer[6] = 0xFF;
                    return answer;
            }
        }
        await using var server = new DnsServer(Hostile, q => DnsServer.Framed(Hostile(q)));
        foreach (var transport in new[] { "udp", "tcp" })
        {
            var result = await ProbeOnce.RunAsync($"{server.Url}/example.org", p => p with { Dns = new() { Transport = transport } });
            Assert.Equal(Outcome.ProtocolError, result.Outcome);
            Assert.True(result.Error is { Length: < 200 }, result.Error);
        }
    }

    [Fact]
    public async Task Whatever_an_answer_is_bent_to_there_is_an_outcome()
    {
        var random = new Random(17);
        byte[] Bend(byte[] query)
        {
            var answer = DnsServer.Answer(query, records: [DnsServer.A("192.0.2.1"), DnsServer.Txt("text"), (15, [0, 10, 3, 0x66, 0x6F, 0x6F, 0xC0, 12]), (6, new byte[30]), (257, [0, 5, 105])]);
            for (var i = 0; i < 4; i++)
                answer[random.Next(2, answer.Length)] = (byte)random.Next(256);
            return answer[..random.Next(12, answer.Length + 1)];
        }
        await using var server = new DnsServer(Bend, q => DnsServer.Framed(Bend(q)));
        for (var i = 0; i < 300; i++)
        {
            var result = await ProbeOnce.RunAsync($"{server.Url}/example.org");
            Assert.Equal(OutcomeClass.Executed, result.Outcome.Class());
        }
    }
}
