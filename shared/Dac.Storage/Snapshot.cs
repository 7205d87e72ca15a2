using System.Data;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Dac.Storage;

/// <summary>Reading several things as of one moment.</summary>
public static class Snapshot
{
    /// <summary>Until it is disposed all reads see the database as of the first of them; takes no lock that a writer waits for.</summary>
    public static async Task<IAsyncDisposable> BeginSnapshotAsync(this DacDbContext db, CancellationToken cancellationToken)
    {
        if (db is not SqliteDbContext)
            return await db.Database.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        // By itself EF begins a transaction that writes.
        await db.Database.OpenConnectionAsync(cancellationToken);
        var transaction = ((SqliteConnection)db.Database.GetDbConnection()).BeginTransaction(deferred: true);
        await db.Database.UseTransactionAsync(transaction, cancellationToken);
        return transaction;
    }
}
