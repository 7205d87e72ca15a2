using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Dac.Contracts;
using Dac.Targets;
using DnsClient;
using DnsClient.Protocol;

namespace Dac.Collector.Probing;

/// <summary>
/// <c>dns://resolver[:53]/name?type=AAAA</c> (after RFC 4501): one query (RFC 1035) to that resolver, over UDP, and over TCP where the answer was cut. Up is an accepted
/// response code with a record of the type, and what is asked of the records. The resolver is the target: when it is silent, that is a timeout and no observer fault.
/// </summary>
public sealed class DnsProber(Connector connector) : IProber
{
    private readonly RegexCache _regexes = new();

    /// <inheritdoc/>
    public IReadOnlyList<string> Schemes => ["dns"];

    /// <inheritdoc/>
    public async Task ProbeAsync(ProbeUrl probe, Measurement measurement, CancellationToken timeout)
    {
        try
        {
            var url = new Uri(probe.Url);
            if (DnsQuery.Parse(url, out var error) is not { } query)
            {
                measurement.Fail(Outcome.Unprobeable, $"the URL {error.Problem}; {error.Fix}");
                return;
            }
            var port = UrlScheme.Port(url);
            var addresses = await connector.AddressesAsync(url.IdnHost, port, probe.Network, measurement, timeout);
            if (measurement.Details is { } details)
                details.Address = $"{addresses[0]}";
            measurement.Begin();
            var options = probe.Dns ?? new DnsOptions();
            if (await AskAsync(new IPEndPoint(addresses[0], port), query, options, measurement, timeout) is not { } answer)
                return;
            measurement.Lap(Phase.FirstByte);
            // This may be the thread that sees what arrives on all sockets (inline completions), and an expression may take its time.
            await Task.Yield();
            Check(answer, query, options, measurement);
            if (probe.Regex is { } regex)
                _regexes.Match(regex, string.Join('\n', answer.Answers), measurement);
        }
        catch (Exception e) when (ProbeFailure.Note(e, probe, measurement, timeout))
        {
            // It stands in the measurement.
        }
    }

    private static async Task<IDnsQueryResponse?> AskAsync(IPEndPoint server, DnsQuery query, DnsOptions options, Measurement measurement, CancellationToken timeout)
    {
        var cut = false;
        try
        {
            if (options.Transport != "tcp")
            {
                try
                {
                    return await QueryAsync(server, query, options, tcp: false, timeout);
                }
                catch (DnsResponseException e) when (e is { Code: DnsResponseCode.Unassigned, InnerException: null })
                {
                    // Cut, by its flag or in the middle of a record: that is how the library says so.
                    cut = true;
                }
            }
            return await QueryAsync(server, query, options, tcp: true, timeout);
        }
        catch (Exception e) when (cut && e.GetBaseException() is SocketException socket && !ProbeFailure.IsObservers(socket))
        {
            measurement.Fail(Outcome.ProtocolError, $"the answer over UDP was cut or can't be read, and over TCP: {socket.Message}");
            return null;
        }
        // What a hostile server sends may make the library throw anything.
        catch (Exception e) when (!timeout.IsCancellationRequested && e.GetBaseException() is not SocketException)
        {
            measurement.Fail(Outcome.ProtocolError, e is DnsResponseException { Code: DnsResponseCode.ConnectionTimeout } ? "the connection ended before the answer was whole" : "the answer can't be read");
            return null;
        }
    }

    // A client takes 0.1 ms to make, and shares nothing with the probes before.
    private static Task<IDnsQueryResponse> QueryAsync(IPEndPoint server, DnsQuery query, DnsOptions options, bool tcp, CancellationToken timeout) =>
        new LookupClient(new LookupClientOptions(new NameServer(server))
        {
            UseCache = false,
            Retries = 0,
            Timeout = Timeout.InfiniteTimeSpan,
            Recursion = options.Recursion ?? true,
            ThrowDnsErrors = false,
            ContinueOnDnsError = false,
            ContinueOnEmptyResponse = false,
            UseTcpFallback = false,
            UseTcpOnly = tcp,
        }).QueryAsync(new DnsQuestion(query.Name, Enum.Parse<QueryType>(query.Type)), timeout);

    private void Check(IDnsQueryResponse answer, DnsQuery query, DnsOptions options, Measurement measurement)
    {
        measurement.StatusCode = (short)answer.Header.ResponseCode;
        measurement.Bytes = answer.MessageSize;
        if (!answer.Header.HasQuery || answer.Questions is not [var question] || !question.QueryName.Original.Equals(query.Name, StringComparison.OrdinalIgnoreCase) || $"{question.QuestionType}" != query.Type)
        {
            measurement.Fail(Outcome.ProtocolError, $"it answers another question than {query.Name} {query.Type}: {(answer.Header.HasQuery ? string.Join(", ", answer.Questions) : "a query")}");
            return;
        }
        var rcode = Rcode((int)answer.Header.ResponseCode);
        var accepted = options.Rcode ?? "NOERROR";
        if (!measurement.Assert($"response code {accepted}", accepted.Split(',', StringSplitOptions.TrimEntries).Contains(rcode), rcode))
            measurement.Fail(Outcome.BadRcode, $"response code {rcode}, accepted is {accepted}");
        var records = answer.Answers.Select(Line).ToList();
        if (rcode == "NOERROR" && options.AllowEmpty != true
            && !measurement.Assert($"a record of type {query.Type}", answer.Answers.Any(r => $"{r.RecordType}" == query.Type), $"{records.Count} records"))
            measurement.Fail(Outcome.UnexpectedAnswer, $"{query.Name} has no {query.Type} record");
        foreach (var pattern in options.AnswerMatches ?? [])
        {
            if (Matching(pattern, records, measurement, out var seen) && !measurement.Assert($"a record matches {pattern}", seen is not null, seen ?? Shown(records)))
                measurement.Fail(Outcome.UnexpectedAnswer, $"no record matches '{pattern}': {Shown(records)}");
        }
        foreach (var pattern in options.AnswerForbids ?? [])
        {
            if (Matching(pattern, records, measurement, out var seen) && !measurement.Assert($"no record matches {pattern}", seen is null, seen))
                measurement.Fail(Outcome.UnexpectedAnswer, $"a record matches '{pattern}': {seen}");
        }
    }

    // False where the pattern can't be matched, which is then an outcome.
    private bool Matching(string pattern, List<string> records, Measurement measurement, out string? record)
    {
        record = null;
        try
        {
            var regex = _regexes.Get(pattern);
            record = records.Find(regex.IsMatch);
            return true;
        }
        catch (Exception e) when (e is RegexMatchTimeoutException or ArgumentException)
        {
            measurement.Fail(Outcome.Unprobeable, $"the regex '{pattern}' takes too long on this answer, or can't be read: make it simpler");
            return false;
        }
    }

    private static string Rcode(int code) => code < DnsQuery.Rcodes.Count ? DnsQuery.Rcodes[code] : $"{code}";

    private static string Shown(List<string> records) => records.Count == 0 ? "there is none" : string.Join(", ", records.Take(3));

    // As it came: the library counts the time to live down while it is looked at.
    private static string Line(DnsResourceRecord record) => record.ToString().Split(' ', 3) is [var name, _, var rest] ? $"{name} {record.InitialTimeToLive} {rest}" : record.ToString();
}
