namespace Dac.SystemTests.Storage.Contract;

/// <summary>What docs/operations.md tells operators to do.</summary>
public static class OperationsPage
{
    /// <summary>The statements that take the plan back where the clock was ahead.</summary>
    /// <param name="database">PostgreSQL or SQLite.</param>
    public static string TakePlanBack(string database)
    {
        var page = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "operations.md"));
        page = page[page.IndexOf($"{database}:\n\n```sql", page.IndexOf("## A clock that was ahead", StringComparison.Ordinal), StringComparison.Ordinal)..];
        return page.Split("```sql")[1].Split("```")[0];
    }
}
