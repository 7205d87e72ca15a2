using Dac.Contracts;
using Dac.Hosting;
using Dac.Storage.Model;
using Microsoft.EntityFrameworkCore;

namespace Dac.SystemTests.Storage.Contract;

public abstract class MigrationContract(Func<Task<TestDatabase>> create) : DatabaseContract(create)
{
    [Fact]
    public async Task An_empty_database_gets_the_schema_the_number_of_partitions_and_a_cursor_for_each()
    {
        var store = await StartAsync(partitions: 4);

        Assert.Equal(4, Assert.Single(await store.AllAsync<Topology>()).Partitions);
        Assert.Equal([0, 1, 2, 3], (await store.AllAsync<PlanCursor>()).Select(c => (int)c.Partition).Order());
        Assert.All(await store.AllAsync<PlanCursor>(), c => Assert.Null(c.PlannedUntil));
        Assert.Equal(Enum.GetValues<Outcome>().Length, (await store.AllAsync<OutcomeName>()).Count);
    }

    [Fact]
    public async Task A_second_start_changes_nothing()
    {
        await StartAsync();
        var store = await StartAsync();

        Assert.Single(await store.AllAsync<Topology>());
        Assert.Equal(4, (await store.AllAsync<PlanCursor>()).Count);
    }

    [Fact]
    public async Task Four_services_that_start_at_once_on_an_empty_database_all_come_up()
    {
        var stores = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => StartAsync())));

        Assert.Equal(4, stores.Length);
        Assert.Equal(4, (await stores[0].AllAsync<PlanCursor>()).Count);
    }

    [Fact]
    public async Task A_schema_that_only_a_newer_version_knows_is_refused_by_name()
    {
        var store = await StartAsync();
        await store.QueryAsync("""INSERT INTO "__EFMigrationsHistory" VALUES ('29990101000000_FromTheFuture', '99.0.0')""");

        var refusal = await Assert.ThrowsAsync<StartRefusedException>(() => StartAsync());

        Assert.Contains("29990101000000_FromTheFuture", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_number_of_partitions_is_refused_and_names_both()
    {
        await StartAsync(partitions: 4);

        var refusal = await Assert.ThrowsAsync<StartRefusedException>(() => StartAsync(partitions: 8));

        Assert.Contains("Topology:Partitions is 8", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("set Topology:Partitions to 4", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_model_has_no_change_that_a_migration_lacks()
    {
        var store = await StartAsync();
        await using var db = store.Context();

        Assert.False(db.Database.HasPendingModelChanges());
    }
}
