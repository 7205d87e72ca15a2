using Dac.Targets;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Dac.Web.Api;

/// <summary>Errors as problem details (RFC 9457). Bad input has a list <c>errors</c> of field, value, problem and fix.</summary>
internal static class Problems
{
    public static ProblemHttpResult Of(int status, string title, string detail) => TypedResults.Problem(detail, statusCode: status, title: title);

    public static ProblemHttpResult Invalid(string title, IReadOnlyList<FieldError> errors) =>
        TypedResults.Problem(
            string.Join("; ", errors), statusCode: StatusCodes.Status400BadRequest, title: title,
            extensions: new Dictionary<string, object?> { ["errors"] = errors });

    public static ProblemHttpResult NoTarget(long id) => Of(404, "No such target", $"There is no target with id {id}; GET /api/targets lists them.");
}
