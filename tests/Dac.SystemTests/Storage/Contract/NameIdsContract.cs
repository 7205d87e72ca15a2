namespace Dac.SystemTests.Storage.Contract;

public abstract class NameIdsContract(Func<Task<TestDatabase>> create) : StoreContract(create)
{
    [Fact]
    public async Task A_name_keeps_its_id_over_processes()
    {
        var location = await Store.Names.LocationAsync("eu-west", Cancel);
        var collector = await Store.Names.CollectorAsync("collector-1", Cancel);

        var other = await StartAsync();

        Assert.Equal(location, await other.Names.LocationAsync("eu-west", Cancel));
        Assert.Equal(collector, await other.Names.CollectorAsync("collector-1", Cancel));
        Assert.Equal(location, await Store.Names.LocationAsync("eu-west", Cancel));
        Assert.NotEqual(location, await Store.Names.LocationAsync("EU-west", Cancel));
    }

    [Fact]
    public async Task A_new_name_asked_for_by_many_at_once_gets_one_id()
    {
        var other = await StartAsync();

        var ids = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => Task.Run(async () => await (i % 2 == 0 ? Store : other).Names.CollectorAsync("new", Cancel))));

        Assert.Single(ids.Distinct());
        Assert.Single(await Store.AllAsync<Dac.Storage.Model.Collector>());
    }
}
