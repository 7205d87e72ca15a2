using Dac.Contracts;
using Dac.Storage.Model;

namespace Dac.Web.Api;

/// <summary>What became of one slot.</summary>
/// <param name="ScheduledAt">The planned start.</param>
/// <param name="Location">Where it was probed from.</param>
/// <param name="Outcome">Like <c>up</c>, <c>timeout</c> or <c>expired</c>; all are in <c>docs/outcomes.md</c>.</param>
/// <param name="Class"><c>executed</c>, <c>observer_fault</c> or <c>missed</c>.</param>
/// <param name="StatusCode">The protocol's status, for HTTP 100 to 599.</param>
/// <param name="LatenessMs">Actual less planned start, in milliseconds, to the microsecond; null where nothing was started.</param>
/// <param name="Phases">How long what took.</param>
/// <param name="Bytes">Bytes of the body, after decompression, as far as it was read.</param>
/// <param name="TlsExpiresAt">When the server's certificate expires.</param>
/// <param name="Match">What the regex matched.</param>
/// <param name="Error">Why the outcome is not up, in a sentence.</param>
/// <param name="Collector">Who probed.</param>
/// <param name="Flags">Remarks: <c>late</c>, <c>saturated</c>, <c>truncated</c>.</param>
public sealed record ResultView(
    DateTimeOffset ScheduledAt, string Location, string Outcome, string Class, short? StatusCode, double? LatenessMs, PhasesView Phases, int? Bytes,
    DateTimeOffset? TlsExpiresAt, string? Match, string? Error, string? Collector, IReadOnlyList<string> Flags)
{
    internal static ResultView Of(StoredResult r, string location, string? collector) => new(
        r.ScheduledAt, location, Names.Of(r.Outcome), Names.Of(r.Outcome.Class()), r.StatusCode, r.LatenessUs / 1_000.0,
        new(r.ResolveUs / 1_000.0, r.ConnectUs / 1_000.0, r.TlsUs / 1_000.0, r.RequestUs / 1_000.0, r.FirstByteUs / 1_000.0, r.TransferUs / 1_000.0, r.TotalUs / 1_000.0),
        r.Bytes, r.TlsExpiresAt, r.Match, r.Error, collector, Names.Of(r.Flags));
}

/// <summary>Phases of a probe in milliseconds, to the microsecond; null where the probe did not get there. They add up over redirects.</summary>
/// <param name="Resolve">Name to address.</param>
/// <param name="Connect">TCP connect.</param>
/// <param name="Tls">TLS handshake, certificate check included.</param>
/// <param name="Request">Sending the request.</param>
/// <param name="FirstByte">From the request's last byte to the answer's first.</param>
/// <param name="Transfer">From the first byte to the last.</param>
/// <param name="Total">From the start to the outcome.</param>
public sealed record PhasesView(double? Resolve, double? Connect, double? Tls, double? Request, double? FirstByte, double? Transfer, double? Total);

/// <summary>Results, newest first.</summary>
/// <param name="From">Start of the span.</param>
/// <param name="To">End of the span, not included.</param>
/// <param name="Results">The results.</param>
/// <param name="More">Whether there are older ones in the span: ask again with <c>to</c> set to the oldest scheduledAt.</param>
public sealed record ResultPage(DateTimeOffset From, DateTimeOffset To, IReadOnlyList<ResultView> Results, bool More);
