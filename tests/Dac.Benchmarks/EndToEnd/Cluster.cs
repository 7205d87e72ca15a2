using Dac.Contracts;
using Dac.Storage;
using Dac.SystemTests.Distributed;
using Dac.SystemTests.Fixtures;
using Dac.Targets;
using Microsoft.EntityFrameworkCore;

namespace Dac.Benchmarks.EndToEnd;

/// <summary>DAC as it is shipped: its processes, over a broker and a database of its own, or one process.</summary>
public sealed class Cluster(Settings settings) : IAsyncDisposable
{
    private readonly PostgreSql _postgres = new();
    private readonly RabbitMq _rabbit = new();
    private readonly List<DacProcess> _processes = [];
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("dac-benchmark-");
    private CpuGroup? _collectors;
    private Vhost? _vhost;
    private IHost? _storage;

    public IReadOnlyList<DacProcess> Processes => _processes;

    /// <summary>The collectors' CPU weight, which they do not get everywhere.</summary>
    public int Weight => _collectors is null ? 1 : settings.Weight;

    public LedgerReader Ledger => _storage!.Services.GetRequiredService<LedgerReader>();

    /// <summary>Prepares broker and database, and stores the targets, and the rows that are to be there before.</summary>
    public async Task PrepareAsync(Nginx nginx, Action<string> say)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Configuration["ConnectionStrings:Database"] = settings.Standalone ? $"Data Source={Path.Combine(_folder.FullName, "dac.db")}" : await _postgres.CreateDatabaseAsync();
        builder.AddStorage();
        _storage = builder.Build();
        await _storage.Services.GetRequiredService<DatabaseMigrator>().StartAsync(CancellationToken.None);
        var interval = $"{settings.Interval}s";
        var http = settings.Reuse ? new HttpOptions { ReuseConnection = true } : null;
        var targets = Enumerable.Range(0, settings.Targets).Select(i => new TargetDefinition { Key = $"t{i}", Url = nginx.Url(i), Interval = interval, Timeout = "1s", Http = http })
            .Concat(Enumerable.Range(0, settings.Dead).Select(i => new TargetDefinition { Key = $"dead{i}", Url = nginx.DeadUrl(i), Interval = interval, Timeout = "1s" }));
        foreach (var some in targets.Chunk(5_000))
            await _storage.Services.GetRequiredService<TargetStore>().SaveAsync(some);
        if (settings.Stored > 0)
            say($"{settings.Stored} rows are there, {await StoredRows.FillAsync(builder.Configuration["ConnectionStrings:Database"]!, settings.Stored, settings.Targets):F0} bytes each with the key");
        if (!settings.Standalone)
            _vhost = await _rabbit.CreateVhostAsync();
    }

    /// <summary>Starts the services and waits until they are ready.</summary>
    public async Task StartAsync(Nginx nginx)
    {
        // The certificate stands with those that everybody trusts.
        var environment = new Dictionary<string, string> { ["SSL_CERT_FILE"] = nginx.CertificateFile };
        environment["ConnectionStrings__Database"] = _storage!.Services.GetRequiredService<IConfiguration>()["ConnectionStrings:Database"]!;
        // As the images have it, unless the benchmark was given otherwise.
        var prober = new Dictionary<string, string>(environment)
        {
            ["DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS"] = "1",
            ["DOTNET_GCgen0size"] = Given("DOTNET_GCgen0size") ?? "2000000",
            ["DOTNET_TC_QuickJit"] = Given("DOTNET_TC_QuickJit") ?? "0",
        };
        if (settings.Standalone)
        {
            prober["MALLOC_ARENA_MAX"] = "1";
            _processes.Add(new DacProcess("Standalone", prober, "--listen", "http://127.0.0.1:0"));
        }
        else
        {
            environment["ConnectionStrings__Broker"] = prober["ConnectionStrings__Broker"] = _vhost!.Uri.ToString();
            _collectors = settings.Weight > 1 ? CpuGroup.TryCreate(settings.Weight) : null;
            foreach (var service in Enumerable.Repeat("Collector", settings.Collectors).Append("Writer").Append("Scheduler"))
            {
                var process = new DacProcess(service, service == "Collector" ? prober : environment, "--urls", "http://127.0.0.1:0");
                _processes.Add(process);
                if (service == "Collector")
                    _collectors?.Add(process.Id);
            }
        }
        foreach (var process in _processes)
            await process.ReadyAsync();
    }

    private static string? Given(string variable) => Environment.GetEnvironmentVariable(variable);

    /// <summary>Writes down what each service has written, a file for each.</summary>
    public void KeepLogs(string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (var process in _processes)
            File.WriteAllText(Path.Combine(folder, $"{process.Service}-{process.Id}.log"), process.Output);
    }

    /// <summary>CPU time that everything has used so far, ms, by name.</summary>
    public async Task<Dictionary<string, double>> CpuMsAsync()
    {
        var used = new Dictionary<string, double>();
        foreach (var process in _processes)
            used[process.Service] = used.GetValueOrDefault(process.Service) + Proc.CpuMs(process.Id);
        if (settings.Standalone)
            return used;
        used["RabbitMQ"] = (await _rabbit.UsageAsync()).CpuMs;
        used["PostgreSQL"] = (await _postgres.UsageAsync()).CpuMs;
        return used;
    }

    /// <summary>Resident memory, MB, by name; the largest where there are several.</summary>
    public async Task<Dictionary<string, double>> MemoryMbAsync()
    {
        var used = new Dictionary<string, double>();
        foreach (var process in _processes)
            used[process.Service] = Math.Max(used.GetValueOrDefault(process.Service), Proc.MemoryMb(process.Id));
        if (settings.Standalone)
            return used;
        used["RabbitMQ"] = (await _rabbit.UsageAsync()).MemoryMb;
        used["PostgreSQL"] = (await _postgres.UsageAsync()).MemoryMb;
        return used;
    }

    public async Task<DacDbContext> OpenAsync() => await _storage!.Services.GetRequiredService<IDbContextFactory<DacDbContext>>().CreateDbContextAsync();

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes)
            await process.DisposeAsync();
        if (_vhost is not null)
            await _vhost.DisposeAsync();
        _storage?.Dispose();
        await _rabbit.DisposeAsync();
        await _postgres.DisposeAsync();
        _folder.Delete(recursive: true);
        _collectors?.Dispose();
    }
}
