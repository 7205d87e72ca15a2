using System.Text.Json;
using Dac.Storage;
using Dac.Targets;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Dac.Benchmarks.Planner;

/// <summary>A SQLite database with targets, in a folder that goes with it.</summary>
internal sealed class PlannerDatabase : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("dac-planner-");
    private readonly PlannerSettings _settings;
    private readonly IHost _host;

    private PlannerDatabase(PlannerSettings settings)
    {
        _settings = settings;
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Configuration["ConnectionStrings:Database"] = $"Data Source={Path.Combine(_folder.FullName, "dac.db")};Pooling=False";
        builder.Configuration["Topology:Partitions"] = $"{settings.Partitions}";
        builder.AddStorage();
        _host = builder.Build();
    }

    public static async Task<PlannerDatabase> CreateAsync(PlannerSettings settings, CancellationToken cancellationToken)
    {
        var database = new PlannerDatabase(settings);
        await database.Get<DatabaseMigrator>().StartAsync(cancellationToken);
        await database.FillAsync(cancellationToken);
        return database;
    }

    public T Get<T>()
        where T : notnull => _host.Services.GetRequiredService<T>();

    /// <summary>Size of the URLs as strings: 22 bytes and two for each character, in words of 8.</summary>
    public double UrlBytes => Enumerable.Range(1, _settings.Targets).Average(id => (22 + 2 * Url(id).Length + 7) / 8 * 8);

    /// <summary>Changes every hundredth target; returns the revision.</summary>
    public async Task<long> ChangeAsync(CancellationToken cancellationToken)
    {
        await using var db = await Get<IDbContextFactory<DacDbContext>>().CreateDbContextAsync(cancellationToken);
        await db.Database.ExecuteSqlAsync($"UPDATE target SET spec = json_set(spec, '$.timeout', '5s'), revision = 2 WHERE id % 100 = 0; UPDATE topology SET revision = 2", cancellationToken);
        return 2;
    }

    // By hand: the store would take minutes, and is not what is measured.
    private async Task FillAsync(CancellationToken cancellationToken)
    {
        await using var db = await Get<IDbContextFactory<DacDbContext>>().CreateDbContextAsync(cancellationToken);
        await db.Database.OpenConnectionAsync(cancellationToken);
        var connection = (SqliteConnection)db.Database.GetDbConnection();
        await using var transaction = connection.BeginTransaction();
        await using var insert = connection.CreateCommand();
        (insert.Transaction, insert.CommandText) = (transaction, "INSERT INTO target (id, key, url, spec, partition, revision, updated_at) VALUES (@id, @key, @url, @spec, @partition, 1, 0)");
        foreach (var name in (string[])["@id", "@key", "@url", "@spec", "@partition"])
            insert.Parameters.Add(new SqliteParameter { ParameterName = name });
        for (var id = 1; id <= _settings.Targets; id++)
        {
            var definition = new TargetDefinition
            {
                Key = $"target-{id}",
                Url = Url(id),
                Interval = $"{_settings.IntervalS}s",
                Regex = "\"status\":\"(ok|degraded)\"",
                Http = _settings.Options ? new() { Headers = new Dictionary<string, string> { ["Accept"] = "application/json" }, Status = "2xx,301", ReuseConnection = true } : null,
            };
            (insert.Parameters[0].Value, insert.Parameters[1].Value, insert.Parameters[2].Value) = (id, definition.Key, definition.Url);
            (insert.Parameters[3].Value, insert.Parameters[4].Value) = (JsonSerializer.Serialize(definition, TargetJson.Default.TargetDefinition), Partitioning.Of(HostOf(id), _settings.Partitions));
            await insert.ExecuteNonQueryAsync(cancellationToken);
        }
        await transaction.CommitAsync(cancellationToken);
        await db.Database.ExecuteSqlAsync($"UPDATE topology SET revision = 1", cancellationToken);
    }

    private string HostOf(int id) => $"host-{id % _settings.Hosts}.example.org";

    private string Url(int id) => $"https://{HostOf(id)}/health/{id}";

    public ValueTask DisposeAsync()
    {
        _host.Dispose();
        _folder.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }
}
