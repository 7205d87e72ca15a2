using Dac.Faults.Cluster;
using Dac.Scheduler;
using Dac.Storage;
using Dac.Storage.Model;
using Dac.SystemTests.Fixtures;
using Dac.SystemTests.Storage.Contract;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace Dac.SystemTests.Storage.Postgres;

/// <summary>All connections are cut while they rest, by the network or by the server: what is asked next is answered all the same.</summary>
public sealed class PostgresConnectionTests(PostgreSql server) : IAsyncLifetime
{
    private string _database = "";
    private TcpProxy _proxy = null!;
    private StorageHost _store = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = await server.CreateDatabaseAsync();
        _proxy = new TcpProxy(new NpgsqlConnectionStringBuilder(_database).Port);
        _store = await StorageHost.StartAsync(new NpgsqlConnectionStringBuilder(_database) { Host = "127.0.0.1", Port = _proxy.Port }.ConnectionString, partitions: 4);
    }

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        await _proxy.DisposeAsync();
        await server.DropDatabaseAsync(_database);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_plan_is_read_written_claimed_and_marked(bool byServer)
    {
        var start = ((await _store.Plan.ReadAsync(Cancel)).NowMs / 1_000 * 1_000) + 3_000;
        var window = new PlannedWindow(2, start, [new PlannedSlot(1, 1, 0)], 1, 0, start + 60_000);
        await CutAsync(byServer);
        Assert.Equal(4, (await _store.Plan.ReadAsync(Cancel)).PlannedUntilMs.Count);
        await CutAsync(byServer);
        Assert.Equal([(short)2], await _store.Plan.PlanAsync([new PartitionPlan(2, null, start, start + 1_000, 1, [window])], 0, Cancel));
        await CutAsync(byServer);
        Assert.Empty(await _store.Plan.ClaimUnpublishedAsync(64, Cancel));
        await CutAsync(byServer);
        await _store.Plan.MarkPublishedAsync([window], Cancel);
        Assert.NotNull(Assert.Single(await DatabaseFault.OnceMoreAsync(() => _store.AllAsync<PlanWindow>())).PublishedAt);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_change_of_the_targets_is_heard_of(bool byServer)
    {
        // By a clock that stands still, a busy machine takes no longer than a tick waits.
        var catalogue = new Catalogue(_store.Contexts, _store.Names, new FakeTimeProvider(), NullLogger<Catalogue>.Instance);
        for (var revision = 1; revision <= 3; revision++)
        {
            await _store.Targets.SaveAsync([new() { Key = $"t{revision}", Url = "http://127.0.0.1/", Interval = "1s" }], null, Cancel);
            await CutAsync(byServer);
            await catalogue.RefreshAsync(revision, Cancel);
            Assert.Equal(revision, catalogue.Revision);
        }
    }

    private async Task CutAsync(bool byServer)
    {
        if (!byServer)
        {
            _proxy.Cut();
            return;
        }
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(_database) { Pooling = false }.ConnectionString);
        await connection.OpenAsync(Cancel);
        await using var command = new NpgsqlCommand("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()", connection);
        await command.ExecuteNonQueryAsync(Cancel);
    }
}
