using System.Data.Common;

namespace Dac.Storage;

/// <summary>Tells a database's fault from a bug.</summary>
public static class DatabaseFault
{
    /// <summary>Whether an exception is the database's, also where EF has wrapped it: once for what it takes for passing, once more where it was saving.</summary>
    public static bool IsDatabaseFault(this Exception exception) => exception.FindDatabaseFault() is not null;

    /// <summary>The database's own exception, or null.</summary>
    public static DbException? FindDatabaseFault(this Exception exception)
    {
        for (var inner = exception; inner is not null; inner = inner.InnerException)
        {
            if (inner is DbException fault)
                return fault;
        }
        return null;
    }
}
