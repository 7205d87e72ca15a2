using Dac.Storage;
using Dac.Storage.Model;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Dac.Web.Api;

/// <summary><c>/api/targets/{id}/results</c>: what was measured.</summary>
public static class ResultsApi
{
    internal static void MapResults(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/api/targets/{id:long}/results", ListAsync).WithTags("Results").ProducesProblem(400).ProducesProblem(404);

    /// <summary>Lists a target's results, newest first.</summary>
    /// <remarks>A deleted target's results are there until retention drops them.</remarks>
    /// <param name="id">The target's id.</param>
    /// <param name="from">Start, ISO 8601; without an offset it is UTC. Default: one hour before the end.</param>
    /// <param name="to">End, not included, ISO 8601. Default: now.</param>
    /// <param name="limit">How many: 1 to 10000. A page ends with a whole slot: fewer, or all locations of one. Default: 100.</param>
    public static async Task<Results<Ok<ResultPage>, ProblemHttpResult>> ListAsync(
        long id, IDbContextFactory<DacDbContext> contexts, TimeProvider time, string? from, string? to, string? limit, CancellationToken cancellationToken)
    {
        var query = new QueryParameters();
        var count = (int)query.Number("limit", limit, 1, 10_000, 100);
        var (start, end) = query.Span(from, to, TimeSpan.FromHours(1), time.GetUtcNow());
        if (query.Errors.Count > 0)
            return Problems.Invalid("Bad parameter", query.Errors);
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        if (!await db.Targets.AnyAsync(t => t.Id == id, cancellationToken))
            return Problems.NoTarget(id);
        var rows = await Rows(db, db.Results.Where(r => r.TargetId == id && r.ScheduledAt >= start && r.ScheduledAt < end)).Take(count + 1).ToListAsync(cancellationToken);
        var more = rows.Count > count;
        if (more)
        {
            // The next page ends before this one's oldest slot: all locations of a slot must be on one page, also where they alone are more than the limit.
            var cut = rows[count].Result.ScheduledAt;
            if (rows[0].Result.ScheduledAt == cut)
            {
                rows = await Rows(db, db.Results.Where(r => r.TargetId == id && r.ScheduledAt == cut)).ToListAsync(cancellationToken);
                more = await db.Results.AnyAsync(r => r.TargetId == id && r.ScheduledAt >= start && r.ScheduledAt < cut, cancellationToken);
            }
            else
            {
                rows.RemoveAll(r => r.Result.ScheduledAt == cut);
            }
        }
        return TypedResults.Ok(new ResultPage(start, end, [.. rows.Select(r => ResultView.Of(r.Result, r.Location, r.Collector))], more));
    }

    private static IQueryable<Row> Rows(DacDbContext db, IQueryable<StoredResult> results) =>
        from result in results.AsNoTracking()
        join location in db.Locations on result.LocationId equals location.Id
        join collector in db.Collectors on result.CollectorId equals (int?)collector.Id into collectors
        from collector in collectors.DefaultIfEmpty()
        orderby result.ScheduledAt descending, result.LocationId
        select new Row(result, location.Name, collector!.Name);

    private sealed record Row(StoredResult Result, string Location, string? Collector);
}
