using System.Net;
using Dac.Storage;
using Dac.SystemTests.Fixtures;
using Dac.Targets;
using Microsoft.EntityFrameworkCore;

namespace Dac.SystemTests.Distributed;

/// <summary>A database, a virtual host, targets on loopback, and the services that a test starts on them.</summary>
public sealed class Deployment : IAsyncDisposable
{
    private readonly List<DacProcess> _services = [];
    private readonly Vhost _vhost;
    private readonly IHost _storage;
    private readonly WebApplication _server;

    private Deployment(string database, Vhost vhost, WebApplication server)
    {
        _vhost = vhost;
        _server = server;
        Settings = new Dictionary<string, string> { ["ConnectionStrings__Database"] = database, ["ConnectionStrings__Broker"] = vhost.Uri.ToString() };
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Configuration["ConnectionStrings:Database"] = database;
        builder.AddStorage();
        _storage = builder.Build();
    }

    public Dictionary<string, string> Settings { get; }

    public Vhost Vhost => _vhost;

    /// <summary>Where the targets answer: 20 hosts, 127.0.0.1 to 127.0.0.20.</summary>
    public IReadOnlyList<string> Hosts => [.. _server.Urls];

    public static async Task<Deployment> CreateAsync(PostgreSql postgres, RabbitMq rabbit)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k =>
        {
            for (byte host = 1; host <= 20; host++)
                k.Listen(new IPAddress([127, 0, 0, host]), 0);
        });
        var server = builder.Build();
        server.Run(context => context.Response.WriteAsync("status: OK"));
        await server.StartAsync();
        var deployment = new Deployment(await postgres.CreateDatabaseAsync(), await rabbit.CreateVhostAsync(), server);
        await deployment._storage.Services.GetRequiredService<DatabaseMigrator>().StartAsync(TestContext.Current.CancellationToken);
        return deployment;
    }

    /// <summary>Saves so many targets of 5 s, spread over the hosts, with the largest tolerance: two cores also start services and compile them meanwhile.</summary>
    public Task<SaveSummary> SaveTargetsAsync(int count, params string[] locations) =>
        _storage.Services.GetRequiredService<TargetStore>().SaveAsync(
            [.. Enumerable.Range(0, count).Select(i => new TargetDefinition { Key = $"t{i}", Url = $"{Hosts[i % Hosts.Count]}/{i}", Interval = "5s", Timeout = "5s", Tolerance = "5s", Regex = "status: (\\w+)", Locations = locations })],
            null, TestContext.Current.CancellationToken);

    public async Task<DacProcess> StartAsync(string service, params string[] args)
    {
        var process = await DacProcess.StartAsync(service, Settings, args);
        _services.Add(process);
        return process;
    }

    public async Task<T> QueryAsync<T>(Func<DacDbContext, Task<T>> query)
    {
        await using var db = await _storage.Services.GetRequiredService<IDbContextFactory<DacDbContext>>().CreateDbContextAsync(TestContext.Current.CancellationToken);
        return await query(db);
    }

    public Task<Ledger> LedgerAsync(DateTimeOffset? until = null) =>
        _storage.Services.GetRequiredService<LedgerReader>().ReadAsync(TimeProvider.System.GetUtcNow().AddHours(-1), until ?? TimeProvider.System.GetUtcNow().AddMinutes(1), TestContext.Current.CancellationToken);

    /// <summary>Waits until every slot that is planned, or was up to a second, has its row, and returns the ledger.</summary>
    public async Task<Ledger> ClosedLedgerAsync(DateTimeOffset? until = null)
    {
        Ledger ledger = null!;
        await Poll.UntilAsync("every slot has its row", async () => (ledger = await LedgerAsync(until)) is { Planned: > 0, Pending: 0, Unaccounted: 0 }, TimeSpan.FromSeconds(60));
        return ledger;
    }

    public async Task WaitForRowsAsync(int rows) =>
        await Poll.UntilAsync($"{rows} rows", async () => await QueryAsync(db => db.Results.CountAsync(TestContext.Current.CancellationToken)) >= rows, TimeSpan.FromSeconds(60));

    public async ValueTask DisposeAsync()
    {
        foreach (var service in _services)
            await service.DisposeAsync();
        await _vhost.DisposeAsync();
        _storage.Dispose();
        await _server.DisposeAsync();
    }
}
