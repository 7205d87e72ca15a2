using Dac.Storage;
using Microsoft.EntityFrameworkCore;

namespace Dac.SystemTests.Storage.Contract;

/// <summary>The storage module as a service runs it, started on a database.</summary>
public sealed class StorageHost : IAsyncDisposable
{
    private readonly IHost _host;

    private StorageHost(IHost host) => _host = host;

    public IPlanStore Plan => Get<IPlanStore>();

    public IResultStore Results => Get<IResultStore>();

    public TargetStore Targets => Get<TargetStore>();

    public NameIds Names => Get<NameIds>();

    public LedgerReader Ledger => Get<LedgerReader>();

    public IAuditStore Audit => Get<IAuditStore>();

    public DatabaseMigrator Migrator => Get<DatabaseMigrator>();

    public static async Task<StorageHost> StartAsync(string connectionString, int partitions)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration["ConnectionStrings:Database"] = connectionString;
        builder.Configuration["Topology:Partitions"] = $"{partitions}";
        builder.AddStorage();
        var host = new StorageHost(builder.Build());
        try
        {
            await host._host.StartAsync(TestContext.Current.CancellationToken);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    public IDbContextFactory<DacDbContext> Contexts => Get<IDbContextFactory<DacDbContext>>();

    public DacDbContext Context() => Contexts.CreateDbContext();

    /// <summary>All rows of an entity.</summary>
    public async Task<List<T>> AllAsync<T>()
        where T : class
    {
        await using var db = Context();
        return await db.Set<T>().AsNoTracking().ToListAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>The rows of a statement, column by column as the driver gives them.</summary>
    public async Task<List<object?[]>> QueryAsync(string sql)
    {
        await using var db = Context();
        await db.Database.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var command = db.Database.GetDbConnection().CreateCommand();
#pragma warning disable CA2100 // the tests' own constants
        command.CommandText = sql;
#pragma warning restore CA2100
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        var rows = new List<object?[]>();
        while (await reader.ReadAsync(TestContext.Current.CancellationToken))
            rows.Add([.. Enumerable.Range(0, reader.FieldCount).Select(i => reader.IsDBNull(i) ? null : reader.GetValue(i))]);
        return rows;
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync(CancellationToken.None);
        if (_host is IAsyncDisposable host)
            await host.DisposeAsync();
    }

    private T Get<T>()
        where T : notnull => _host.Services.GetRequiredService<T>();
}
