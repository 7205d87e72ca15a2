using System.Data.Common;
using Microsoft.Data.Sqlite;
using Npgsql;

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

    /// <summary>
    /// Asks, and at once a second time where the connection turned out to be lost: one that was cut while it rested says so only when it is used, and a second
    /// that is waited for then is one without a plan, or without what has changed. What is asked must bear being asked twice.
    /// </summary>
    public static async Task<T> OnceMoreAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (Exception e) when (IsConnectionLost(e))
        {
            return await ask();
        }
    }

    /// <summary>Whether the database has answered, and refuses what it was given: it would refuse it again.</summary>
    // 22: data exception; 23: integrity, such as a time that no partition is there for. SQLite: 18 too big, 19 constraint, 20 datatype mismatch.
    public static bool IsRefusal(this Exception exception) =>
        exception.FindDatabaseFault() is PostgresException { SqlState: ['2', '2' or '3', ..] } or SqliteException { SqliteErrorCode: 18 or 19 or 20 };

    // The driver has forgotten all that rested in its pool by then.
    private static bool IsConnectionLost(Exception exception) => exception.FindDatabaseFault() switch
    {
        PostgresException { SqlState: PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown } => true,
        NpgsqlException { InnerException: IOException } => true,
        _ => false,
    };
}
