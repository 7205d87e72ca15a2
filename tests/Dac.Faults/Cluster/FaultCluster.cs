using Dac.Contracts;
using Dac.Faults.Injection;
using Dac.Storage;
using Dac.SystemTests.Fixtures;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using RabbitMQ.Client;

namespace Dac.Faults.Cluster;

/// <summary>A broker and a database of its own, services as processes, and what they probe.</summary>
public sealed class FaultCluster : IAsyncDisposable
{
    /// <summary>Debian's package libfaketime.</summary>
    private const string FakeTime = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

    private readonly List<Replica> _replicas = [];
    private readonly string _logs;
    private Vhost? _vhost;
    private IHost? _storage;

    public FaultCluster(string logs) => _logs = logs;

    public PostgreSql Postgres { get; } = new();

    public RabbitMq Rabbit { get; } = new();

    public TargetServer Server { get; } = new();

    public IReadOnlyList<Replica> Replicas => _replicas;

    public IServiceProvider Storage => _storage!.Services;

    /// <summary>The suite's own connection to the broker, past the proxies.</summary>
    public Uri Broker => _vhost!.Uri;

    /// <summary>Whether a service's clock can be stepped.</summary>
    public static bool HasFakeTime => File.Exists(FakeTime);

    public List<Replica> Of(string service) => _replicas.FindAll(r => r.Service == service);

    /// <summary>Brings up broker, database and target server, and prepares the services.</summary>
    public async Task PrepareAsync(ClusterSize size, bool fakeTime)
    {
        await Server.StartAsync();
        var database = await Postgres.CreateDatabaseAsync();
        _vhost = await Rabbit.CreateVhostAsync();
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Configuration["ConnectionStrings:Database"] = database;
        builder.AddStorage();
        _storage = builder.Build();
        await Storage.GetRequiredService<DatabaseMigrator>().StartAsync(CancellationToken.None);
        foreach (var (service, count) in new[] { ("Scheduler", size.Schedulers), ("Collector", size.Collectors), ("Writer", size.Writers) })
        {
            for (var i = 0; i < count; i++)
                _replicas.Add(Create(service, i, database, fakeTime));
        }
    }

    /// <summary>Starts the services, writers and collectors first, and waits until they are ready.</summary>
    public async Task StartAsync()
    {
        foreach (var group in new[] { _replicas.Where(r => r.Service != "Scheduler").ToList(), Of("Scheduler") })
        {
            group.ForEach(r => r.Start());
            foreach (var replica in group)
                await replica.ReadyAsync();
        }
    }

    public async Task<DacDbContext> OpenAsync() => await Storage.GetRequiredService<IDbContextFactory<DacDbContext>>().CreateDbContextAsync();

    /// <summary>Messages in the queue of results, ready ones only.</summary>
    public async Task<uint> WaitingResultsAsync()
    {
        await using var connection = await new ConnectionFactory { Uri = Broker }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        return (await channel.QueueDeclarePassiveAsync(Queues.ProbeResult)).MessageCount;
    }

    /// <summary>From the broker's management; null while it does not answer.</summary>
    public async Task<System.Text.Json.JsonElement?> ManagementAsync(string path)
    {
        try
        {
            return await _vhost!.Management.GetFromJsonAsync<System.Text.Json.JsonElement>(new Uri(path, UriKind.Relative));
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException or System.Text.Json.JsonException)
        {
            return null;
        }
    }

    /// <summary>Path of the virtual host's queues in the management.</summary>
    public string QueuesPath => $"queues/{Uri.EscapeDataString(Broker.AbsolutePath.Trim('/'))}";

    public async ValueTask DisposeAsync()
    {
        foreach (var replica in _replicas)
            await replica.DisposeAsync();
        if (_vhost is not null)
            await _vhost.DisposeAsync();
        _storage?.Dispose();
        await Server.DisposeAsync();
        await Rabbit.DisposeAsync();
        await Postgres.DisposeAsync();
    }

    private Replica Create(string service, int index, string database, bool fakeTime)
    {
        var connection = new NpgsqlConnectionStringBuilder(database);
        var (toDatabase, toBroker) = (new TcpProxy(connection.Port), new TcpProxy(Broker.Port));
        connection.Port = toDatabase.Port;
        var settings = new Dictionary<string, string>
        {
            ["ConnectionStrings__Database"] = connection.ConnectionString,
            ["ConnectionStrings__Broker"] = new UriBuilder(Broker) { Port = toBroker.Port }.Uri.ToString(),
        };
        if (fakeTime && HasFakeTime && service == "Scheduler")
        {
            var file = Path.Combine(_logs, $"scheduler-{index + 1}.clock");
            File.WriteAllText(file, "+0\n");
            settings["LD_PRELOAD"] = FakeTime;
            settings["FAKETIME_TIMESTAMP_FILE"] = file;
            settings["FAKETIME_CACHE_DURATION"] = "1";
            // The runtime's own waiting goes by the monotonic clock, which does not step on a real machine either.
            settings["FAKETIME_DONT_FAKE_MONOTONIC"] = "1";
            // Its correction of waits that go by that clock turns them into busy loops.
            settings["FAKETIME_FORCE_MONOTONIC_FIX"] = "0";
        }
        return new Replica(service, index, toDatabase, toBroker, settings, _logs);
    }
}
