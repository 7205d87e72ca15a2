using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;

namespace Dac.Storage.Sqlite;

/// <summary>
/// Contexts for what writes each second, in its turn (<see cref="WriteGate"/>), and so on one connection: of another, SQLite drops the pages that it remembers
/// whenever somebody else has written. Each target has its own page in the key of the results, so a few thousand targets would be read anew in each transaction.
/// </summary>
internal sealed class SqliteWriters(DbContextOptions<SqliteDbContext> options, DatabaseString database) : PooledDbContextFactory<SqliteDbContext>(Options(options, database))
{
    // 64 MB of pages, taken as they are touched, instead of 2; and written into the file each 16 MB of log instead of 4: a page that changes each second is written less often.
    // Said besides what every connection is told.
    private static readonly SqlitePragmas Pragmas = new("PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 4000;");

    // The string alone tells the provider's pools apart; a private cache is what there is anyway.
    private static DbContextOptions<SqliteDbContext> Options(DbContextOptions<SqliteDbContext> options, DatabaseString database) =>
        new DbContextOptionsBuilder<SqliteDbContext>(options).UseSqlite($"{database.Value};Cache=Private").AddInterceptors(Pragmas).Options;
}
