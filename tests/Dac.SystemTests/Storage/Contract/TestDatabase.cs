namespace Dac.SystemTests.Storage.Contract;

/// <summary>A database of one test, empty at first and gone afterwards.</summary>
public sealed record TestDatabase(string ConnectionString, Func<ValueTask> Drop);

/// <summary>What every test of the storage starts from. Each contract runs over every database: its subclasses say which.</summary>
public abstract class DatabaseContract(Func<Task<TestDatabase>> create) : IAsyncLifetime
{
    private readonly List<StorageHost> _hosts = [];

    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    protected TestDatabase Database { get; private set; } = null!;

    /// <summary>Starts another service on the test's database.</summary>
    protected async Task<StorageHost> StartAsync(int partitions = 4)
    {
        var host = await StorageHost.StartAsync(Database.ConnectionString, partitions);
        lock (_hosts)
            _hosts.Add(host);
        return host;
    }

    public virtual async ValueTask InitializeAsync() => Database = await create();

    public async ValueTask DisposeAsync()
    {
        foreach (var host in _hosts)
            await host.DisposeAsync();
        if (Database is not null)
            await Database.Drop();
        GC.SuppressFinalize(this);
    }
}

/// <summary>A migrated database of 4 partitions, and one service on it.</summary>
public abstract class StoreContract(Func<Task<TestDatabase>> create) : DatabaseContract(create)
{
    protected StorageHost Store { get; private set; } = null!;

    /// <summary>Noon of today: far from the edges of the days that there are partitions for.</summary>
    protected static DateTimeOffset Noon => new(TimeProvider.System.GetUtcNow().UtcDateTime.Date.AddHours(12), TimeSpan.Zero);

    protected static long NoonMs => Noon.ToUnixTimeMilliseconds();

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        Store = await StartAsync();
    }
}
