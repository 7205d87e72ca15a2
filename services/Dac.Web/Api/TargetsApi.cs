using Dac.Storage;
using Dac.Storage.Model;
using Dac.Targets;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Dac.Web.Api;

/// <summary><c>/api/targets</c>: the catalogue.</summary>
public static class TargetsApi
{
    internal static void MapTargets(this IEndpointRouteBuilder routes)
    {
        var targets = routes.MapGroup("/api/targets").WithTags("Targets");
        targets.MapGet("", ListAsync).ProducesProblem(400);
        targets.MapGet("/{id:long}", GetAsync).WithName("GetTarget").ProducesProblem(404);
        targets.MapPost("", AddAsync).Accepts<TargetDefinition>("application/json").ProducesProblem(400).ProducesProblem(401).ProducesProblem(409).ProducesProblem(415);
        targets.MapPut("/{id:long}", ReplaceAsync).Accepts<TargetDefinition>("application/json").ProducesProblem(400).ProducesProblem(401).ProducesProblem(404).ProducesProblem(409).ProducesProblem(415);
        targets.MapDelete("/{id:long}", DeleteAsync).ProducesProblem(401).ProducesProblem(404);
    }

    /// <summary>Lists targets in order of id, each with its state at each location.</summary>
    /// <param name="limit">How many: 1 to 1000. Default: 100.</param>
    /// <param name="after">Only targets with a greater id; the <c>next</c> of the page before.</param>
    /// <param name="tag">Only targets that have this tag.</param>
    public static async Task<Results<Ok<TargetPage>, ProblemHttpResult>> ListAsync(
        IDbContextFactory<DacDbContext> contexts, string? limit, string? after, string? tag, CancellationToken cancellationToken)
    {
        var query = new QueryParameters();
        var (count, from) = ((int)query.Number("limit", limit, 1, 1_000, 100), query.Number("after", after, 0, long.MaxValue, 0));
        if (query.Errors.Count > 0)
            return Problems.Invalid("Bad parameter", query.Errors);
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        var targets = await Tagged(db, tag).AsNoTracking().Where(t => t.DeletedAt == null && t.Id > from).OrderBy(t => t.Id).Take(count + 1).ToListAsync(cancellationToken);
        var more = targets.Count > count;
        var page = await ViewAsync(db, targets.Take(count).ToList(), cancellationToken);
        return TypedResults.Ok(new TargetPage(page, more ? page[^1].Id : null));
    }

    /// <summary>Reads one target.</summary>
    /// <param name="id">Its id.</param>
    public static async Task<Results<Ok<TargetView>, ProblemHttpResult>> GetAsync(long id, IDbContextFactory<DacDbContext> contexts, CancellationToken cancellationToken) =>
        await FindAsync(contexts, id, cancellationToken) is { } view ? TypedResults.Ok(view) : Problems.NoTarget(id);

    /// <summary>Adds a target.</summary>
    /// <remarks>409 when its key is taken. Planning takes it up within a few seconds.</remarks>
    /// <param name="request">The definition.</param>
    public static async Task<Results<Created<TargetView>, ProblemHttpResult>> AddAsync(
        HttpRequest request, TargetStore store, IDbContextFactory<DacDbContext> contexts, LinkGenerator links, CancellationToken cancellationToken)
    {
        var (definition, problem) = await TargetBody.ReadAsync(request, cancellationToken);
        if (definition is null)
            return problem!;
        try
        {
            var id = await store.AddAsync(definition, cancellationToken);
            return TypedResults.Created(links.GetPathByName(request.HttpContext, "GetTarget", new { id }), await FindAsync(contexts, id, cancellationToken));
        }
        catch (KeyTakenException e)
        {
            return Problems.Of(409, "Key is taken", e.Message);
        }
    }

    /// <summary>Replaces a target's definition, its key included.</summary>
    /// <remarks>Id and results stay.</remarks>
    /// <param name="id">Its id.</param>
    /// <param name="request">The definition.</param>
    public static async Task<Results<Ok<TargetView>, ProblemHttpResult>> ReplaceAsync(
        long id, HttpRequest request, TargetStore store, IDbContextFactory<DacDbContext> contexts, CancellationToken cancellationToken)
    {
        var (definition, problem) = await TargetBody.ReadAsync(request, cancellationToken);
        if (definition is null)
            return problem!;
        try
        {
            return await store.ReplaceAsync(id, definition, cancellationToken) && await FindAsync(contexts, id, cancellationToken) is { } view
                ? TypedResults.Ok(view)
                : Problems.NoTarget(id);
        }
        catch (KeyTakenException e)
        {
            return Problems.Of(409, "Key is taken", e.Message);
        }
    }

    /// <summary>Deletes a target.</summary>
    /// <remarks>Its results stay until retention drops them.</remarks>
    /// <param name="id">Its id.</param>
    public static async Task<Results<NoContent, ProblemHttpResult>> DeleteAsync(long id, TargetStore store, CancellationToken cancellationToken) =>
        await store.DeleteAsync(id, cancellationToken) ? TypedResults.NoContent() : Problems.NoTarget(id);

    private static IQueryable<Target> Tagged(DacDbContext db, string? tag) => tag switch
    {
        null => db.Targets,
        _ when db is SqliteDbContext => db.Targets.FromSql($"SELECT t.* FROM target t WHERE EXISTS (SELECT 1 FROM json_each(t.spec, '$.tags') WHERE value = {tag})"),
        _ => db.Targets.FromSql($"SELECT t.* FROM target t WHERE t.spec -> 'tags' @> to_jsonb({tag}::text)"),
    };

    private static async Task<TargetView?> FindAsync(IDbContextFactory<DacDbContext> contexts, long id, CancellationToken cancellationToken)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        var targets = await db.Targets.AsNoTracking().Where(t => t.Id == id && t.DeletedAt == null).ToListAsync(cancellationToken);
        return (await ViewAsync(db, targets, cancellationToken)).SingleOrDefault();
    }

    private static async Task<IReadOnlyList<TargetView>> ViewAsync(DacDbContext db, List<Target> targets, CancellationToken cancellationToken)
    {
        var ids = targets.Select(t => t.Id).ToList();
        var states = await db.States.AsNoTracking().Where(s => ids.Contains(s.TargetId))
            .Join(db.Locations, s => s.LocationId, l => l.Id, (s, l) => new { State = s, l.Name }).ToListAsync(cancellationToken);
        var byTarget = states.ToLookup(s => s.State.TargetId, s => new TargetStateView(
            s.Name, Names.Of(s.State.Health), s.State.Since, s.State.ScheduledAt, Names.Of(s.State.Outcome), s.State.StatusCode, s.State.TotalUs, s.State.Error));
        return [.. targets.Select(t => new TargetView(t.Id, t.Key, TargetStore.ReadSpecOrUrl(t.Spec, t.Url), t.Revision, t.UpdatedAt, [.. byTarget[t.Id].OrderBy(s => s.Location, StringComparer.Ordinal)]))];
    }
}
