using System.Globalization;
using Dac.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Dac.Web.Api;

/// <summary><c>/api/ledger</c>: every planned slot, accounted for.</summary>
public static class LedgerApi
{
    // The query reads every slot of the span: a day of 1,000 slots a second is 86 million.
    private static readonly TimeSpan MaxSpan = TimeSpan.FromHours(24);

    // Each may keep the database busy for a minute, which has slots to plan.
    private const int AtOnce = 2;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    internal static void MapLedger(this IEndpointRouteBuilder routes)
    {
        var turns = new SemaphoreSlim(AtOnce);
        routes.MapGet("/api/ledger", ReadAsync).WithTags("Ledger").ProducesProblem(400).ProducesProblem(503).AddEndpointFilter(async (context, next) =>
        {
            if (!await turns.WaitAsync(Patience, context.HttpContext.RequestAborted))
            {
                context.HttpContext.Response.Headers.RetryAfter = "10";
                return Problems.Of(503, "Busy", $"{AtOnce} ledgers are being read already; ask again in 10 s.");
            }
            try
            {
                return await next(context);
            }
            finally
            {
                turns.Release();
            }
        });
    }

    /// <summary>Accounts for every slot planned in a span.</summary>
    /// <remarks>
    /// planned = executed + observerFaults + missed.sum + pending + unaccounted, and unaccounted is to be 0.
    /// Coverage is executed / (planned - pending), uptime is (up + degraded) / executed, both in percent.
    /// </remarks>
    /// <param name="from">Start, ISO 8601; without an offset it is UTC. Default: ten minutes before the end.</param>
    /// <param name="to">End, not included, ISO 8601; at most 24 hours after the start. Default: now.</param>
    /// <param name="target">Only the slots of the target with this id. Default: all.</param>
    /// <param name="tag">Only the slots of targets that have this tag now. Default: all.</param>
    public static async Task<Results<Ok<Ledger>, ProblemHttpResult>> ReadAsync(
        LedgerReader ledger, TimeProvider time, string? from, string? to, string? target, string? tag, CancellationToken cancellationToken)
    {
        var query = new QueryParameters();
        var filter = new LedgerFilter(target is null ? null : query.Number("target", target, 1, long.MaxValue, 1), tag);
        var (start, end) = query.Span(from, to, TimeSpan.FromMinutes(10), time.GetUtcNow());
        if (end - start > MaxSpan)
            query.Errors.Add(new("from", from, string.Create(CultureInfo.InvariantCulture, $"is {(end - start).TotalHours:0.#} hours before 'to'"), "ask for 24 hours at most"));
        return query.Errors.Count > 0 ? Problems.Invalid("Bad parameter", query.Errors) : TypedResults.Ok(await ledger.ReadAsync(start, end, filter, cancellationToken));
    }
}
