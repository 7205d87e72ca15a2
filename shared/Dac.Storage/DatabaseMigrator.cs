using Dac.Hosting;
using Dac.Storage.Model;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Dac.Storage;

/// <summary>
/// Brings the schema up to date at start, once and under a lock, before any other part of the service starts. Waits for a database that
/// can't be reached yet; refuses one that a newer version has migrated.
/// </summary>
public sealed partial class DatabaseMigrator(
    IDbContextFactory<DacDbContext> contexts, IResultStore results, DatabaseString database, IOptions<TopologyOptions> topologyOptions, TimeProvider time,
    ILogger<DatabaseMigrator> logger)
    : IHostedService
{
    private const long AdvisoryLock = 0x0DAC_0001;

    /// <summary>Whether the schema is up to date.</summary>
    public bool IsReady { get; private set; }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => StartAsync(wait: true, cancellationToken);

    /// <summary>Brings the schema up to date, once.</summary>
    /// <param name="wait">Whether to wait for a database that can't be reached; a command that somebody has typed does not.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="StartRefusedException">The database refuses, or can't be reached and is not waited for.</exception>
    public async Task StartAsync(bool wait, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await MigrateAsync(cancellationToken);
                IsReady = true;
                return;
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InvalidCatalogName || e.SqlState.StartsWith("28", StringComparison.Ordinal))
            {
                throw new StartRefusedException($"{database} refuses the connection ({e.MessageText}): correct ConnectionStrings:Database, or create the user and the database.");
            }
            catch (Exception e) when (e is UnauthorizedAccessException or Microsoft.Data.Sqlite.SqliteException { SqliteErrorCode: 8 or 14 })
            {
                throw new StartRefusedException($"{database} can't be opened for writing ({e.Message}): choose another folder with --data DIR, or give this user the right to write there.");
            }
            catch (Exception e) when (e is TimeoutException || IsAway(e.FindDatabaseFault()))
            {
                if (!wait)
                    throw new StartRefusedException($"{database} can't be reached ({e.Message}): start it, or correct ConnectionStrings:Database.");
                if (attempt is 1 || attempt % 15 == 0)
                    LogWaiting(logger, database, e.Message);
                await Task.Delay(TimeSpan.FromSeconds(2), time, cancellationToken);
            }
        }
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // 57P: it is shut down at this moment, or starts up.
    private static bool IsAway(Exception? e) =>
        e is NpgsqlException and (not PostgresException or PostgresException { SqlState: PostgresErrorCodes.TooManyConnections or ['5', '7', 'P', ..] });

    private async Task MigrateAsync(CancellationToken cancellationToken)
    {
        await using var held = database.IsSqlite ? await LockFileAsync(cancellationToken) : await LockServerAsync(cancellationToken);
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        var known = db.Database.GetMigrations().ToHashSet(StringComparer.Ordinal);
        var newer = (await db.Database.GetAppliedMigrationsAsync(cancellationToken)).Where(m => !known.Contains(m)).ToList();
        if (newer.Count > 0)
            throw new StartRefusedException($"The database ({database}) has a newer schema than this version knows ({newer[^1]}): install the newer version of DAC, or restore a backup from before the upgrade.");
        var pending = (await db.Database.GetPendingMigrationsAsync(cancellationToken)).ToList();
        if (pending.Count > 0)
        {
            LogMigrating(logger, database, string.Join(", ", pending));
            // As long as it takes: one that is broken off begins anew, and has locked others out for nothing.
            db.Database.SetCommandTimeout(TimeSpan.FromHours(6));
            await db.Database.MigrateAsync(cancellationToken);
        }
        var partitions = topologyOptions.Value.Partitions;
        if (await db.Topology.SingleOrDefaultAsync(cancellationToken) is not { } topology)
        {
            topology = new Topology { Partitions = (short)partitions };
            db.Add(topology);
            db.AddRange(Enumerable.Range(0, partitions).Select(p => new PlanCursor { Partition = (short)p }));
            await db.SaveChangesAsync(cancellationToken);
        }
        if (topology.Partitions != partitions)
            throw new StartRefusedException($"Topology:Partitions is {partitions}, but the database ({database}) was created with {topology.Partitions}, which can't be changed: set Topology:Partitions to {topology.Partitions}.");
        try
        {
            await results.MaintainAsync(time.GetUtcNow(), DateTimeOffset.MinValue, cancellationToken);
        }
        // Partitions are made days ahead: what another one is at need not hold up a start.
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            LogBusy(logger, database);
        }
    }

    // Held by the session: if this process dies, the server lets go of it.
    private async Task<IAsyncDisposable> LockServerAsync(CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(database.Value) { Pooling = false }.ConnectionString);
        try
        {
            await connection.OpenAsync(cancellationToken);
            await using var command = new NpgsqlCommand("SELECT pg_advisory_lock($1)", connection) { CommandTimeout = 0 };
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = AdvisoryLock });
            await command.ExecuteNonQueryAsync(cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    // EF's own lock on SQLite is a row, which a killed process leaves behind and the next one then waits for in vain: a file's lock goes with
    // the process, and whoever holds it may clear the row.
    private async Task<IAsyncDisposable> LockFileAsync(CancellationToken cancellationToken)
    {
        var file = Path.GetFullPath(database.File!);
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartRefusedException($"The folder {Path.GetDirectoryName(file)} of the database can't be made: {e.Message} Name another one with --data DIR, or in ConnectionStrings:Database.");
        }
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                var held = new FileStream(file + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
                try
                {
                    await ClearMigrationLockAsync(cancellationToken);
                }
                catch
                {
                    await held.DisposeAsync();
                    throw;
                }
                return held;
            }
            catch (SqliteException e) when (e.SqliteErrorCode is SQLitePCL.raw.SQLITE_NOTADB or SQLitePCL.raw.SQLITE_CORRUPT)
            {
                throw new StartRefusedException($"{file} is no SQLite database, or a damaged one. Name another folder with --data DIR, or move the file away.");
            }
            catch (IOException) when (attempt < 300)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancellationToken);
            }
        }
    }

    private async Task ClearMigrationLockAsync(CancellationToken cancellationToken)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        // A new database has no such table yet.
        if ((await db.Database.SqlQuery<int>($"SELECT count(*) AS Value FROM sqlite_master WHERE name = '__EFMigrationsLock'").ToListAsync(cancellationToken))[0] > 0)
            await db.Database.ExecuteSqlAsync($"DELETE FROM __EFMigrationsLock", cancellationToken);
    }

    [LoggerMessage(LogLevel.Information, "Migrating {Database}: {Migrations}")]
    private static partial void LogMigrating(ILogger logger, DatabaseString database, string migrations);

    [LoggerMessage(LogLevel.Warning, "Another service has been making partitions of {Database} for a minute, this one starts without")]
    private static partial void LogBusy(ILogger logger, DatabaseString database);

    [LoggerMessage(LogLevel.Warning, "Waiting for {Database}: {Reason}")]
    private static partial void LogWaiting(ILogger logger, DatabaseString database, string reason);
}
