using System.Data.Common;
using Dac.Hosting;
using Dac.Storage.Postgres;
using Dac.Storage.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace Dac.Storage;

/// <summary>Registers the database; which one, the connection string tells.</summary>
public static class StorageModule
{
    /// <summary>Registers context, stores and the migration at start. A second call does nothing, so that each service of one process can ask for it.</summary>
    /// <exception cref="StartRefusedException">The connection string is missing, or of neither database.</exception>
    public static void AddStorage(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        if (services.Any(s => s.ServiceType == typeof(TargetStore)))
            return;
        var connectionString = new DatabaseString(builder.Configuration["ConnectionStrings:Database"]);
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(connectionString);
        services.AddSingleton(new WriteGate(oneWriter: connectionString.IsSqlite));
        builder.AddTopology();
        builder.AddCheckedOptions<StorageOptions>("Storage");
        services.AddSingleton<TargetStore>();
        services.AddSingleton<NameIds>();
        services.AddSingleton<GapPlan>();
        services.AddSingleton<LedgerReader>();
        if (connectionString.IsSqlite)
            AddSqlite(services, connectionString);
        else
            AddPostgres(services, connectionString);
        services.AddSingleton<DatabaseMigrator>();
        services.AddHostedService(p => p.GetRequiredService<DatabaseMigrator>());
        services.AddHealthChecks().AddCheck<DatabaseHealth>("database");
    }

    private static void AddSqlite(IServiceCollection services, DatabaseString database)
    {
        // SQLite holds the thread that asks it: planner, writer, audit and page must not hold those that probe.
        ThreadPool.SetMinThreads(Environment.ProcessorCount + 4, Environment.ProcessorCount);
        services.AddPooledDbContextFactory<SqliteDbContext>(o => o.UseSqlite(database.Value).AddInterceptors(new SqlitePragmas()));
        services.AddSingleton<SqliteWriters>();
        services.AddSingleton<IDbContextFactory<DacDbContext>, ContextFactory<SqliteDbContext>>();
        services.AddSingleton<IPlanStore, SqlitePlanStore>();
        services.AddSingleton<IResultStore, SqliteResultStore>();
        services.AddSingleton<IAuditStore, SqliteAuditStore>();
    }

    private static void AddPostgres(IServiceCollection services, DatabaseString database)
    {
        services.AddPooledDbContextFactory<PostgresDbContext>(o => o.UseNpgsql(database.Value));
        services.AddSingleton<IDbContextFactory<DacDbContext>, ContextFactory<PostgresDbContext>>();
        // Planning has connections of its own with short limits: what a tick no longer waits for must not stay in its way.
        services.AddSingleton<IPlanStore>(_ => new PostgresPlanStore(NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(database.Value)
        {
            ApplicationName = "dac-planner",
            MaxPoolSize = 4,
            Timeout = 1,
            CommandTimeout = 1,
            CancellationTimeout = 500,
        })));
        services.AddSingleton<IResultStore, PostgresResultStore>();
        services.AddSingleton<IAuditStore, PostgresAuditStore>();
    }

    private sealed class ContextFactory<T>(IDbContextFactory<T> inner) : IDbContextFactory<DacDbContext>
        where T : DacDbContext
    {
        public DacDbContext CreateDbContext() => inner.CreateDbContext();
    }
}

/// <summary>The connection string of the database, PostgreSQL's or SQLite's.</summary>
public sealed record DatabaseString
{
    /// <summary>Checks the form; connects to nothing.</summary>
    /// <exception cref="StartRefusedException">It is missing, or of neither database.</exception>
    public DatabaseString(string? value)
    {
        const string Forms = "give PostgreSQL's (Host=...;Database=...;Username=...;Password=...) or SQLite's (Data Source=FILE)";
        if (string.IsNullOrWhiteSpace(value))
            throw new StartRefusedException($"ConnectionStrings:Database is not set: {Forms}.");
        try
        {
            var keys = new DbConnectionStringBuilder { ConnectionString = value };
            IsSqlite = keys.ContainsKey("Data Source") || keys.ContainsKey("DataSource") || keys.ContainsKey("Filename");
            Value = IsSqlite ? value : new NpgsqlConnectionStringBuilder(value) { ApplicationName = "dac" }.ConnectionString;
            if (!IsSqlite && !keys.ContainsKey("Host") && !keys.ContainsKey("Server"))
                throw new StartRefusedException($"ConnectionStrings:Database names no database: {Forms}.");
            File = IsSqlite ? new Microsoft.Data.Sqlite.SqliteConnectionStringBuilder(value).DataSource : null;
        }
        catch (ArgumentException e)
        {
            // The value may hold a password: it is not shown.
            throw new StartRefusedException($"ConnectionStrings:Database can't be read ({e.Message}): {Forms}.");
        }
    }

    /// <summary>The string as the drivers take it.</summary>
    public string Value { get; }

    /// <summary>SQLite, or else PostgreSQL.</summary>
    public bool IsSqlite { get; }

    /// <summary>SQLite's file, or null.</summary>
    public string? File { get; }

    /// <inheritdoc/>
    public override string ToString() => IsSqlite ? $"SQLite {File}" : $"PostgreSQL {new NpgsqlConnectionStringBuilder(Value).Host}";
}
