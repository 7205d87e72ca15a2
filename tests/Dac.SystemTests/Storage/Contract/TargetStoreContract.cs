using Dac.Storage;
using Dac.Storage.Model;
using Dac.Targets;
using Microsoft.EntityFrameworkCore;

namespace Dac.SystemTests.Storage.Contract;

public abstract class TargetStoreContract(Func<Task<TestDatabase>> create) : StoreContract(create)
{
    private TargetStore Targets => Store.Targets;

    [Fact]
    public async Task A_new_target_reads_back_with_its_partition_revision_and_version()
    {
        var definition = new TargetDefinition
        {
            Key = "42",
            Url = "https://Example.org/health",
            Interval = "30s",
            Regex = "o+k",
            Timeout = "5s",
            Tolerance = "1s",
            Locations = ["default", "eu-west"],
            Tags = ["shop"],
        };

        var id = await Targets.AddAsync(definition, Cancel);

        var target = Assert.Single(await Store.AllAsync<Target>());
        Assert.Equal((id, "42", definition.Url, Partitioning.Of("example.org", 4)), (target.Id, target.Key, target.Url, target.Partition));
        Assert.Equivalent(definition, TargetStore.ReadSpec(target.Spec), strict: true);
        Assert.Equal(await RevisionAsync(), target.Revision);
        Assert.Null(target.DeletedAt);
        var version = Assert.Single(await Store.AllAsync<TargetVersion>());
        Assert.Equal((id, target.Revision, target.Partition, target.UpdatedAt, null), (version.TargetId, version.Revision, version.Partition, version.ValidFrom, version.ValidTo));
        Assert.Equal(["default", "eu-west"], (await Store.AllAsync<Location>()).Select(l => l.Name).Order());
    }

    [Fact]
    public async Task A_key_that_is_missing_is_the_url()
    {
        await Targets.AddAsync(Definition(null), Cancel);

        Assert.Equal("https://example.org/", Assert.Single(await Store.AllAsync<Target>()).Key);
    }

    [Fact]
    public async Task A_save_tells_new_changed_and_unchanged_targets_apart()
    {
        Assert.Equal(new SaveSummary(3, 0, 0), await Targets.SaveAsync([Definition("a"), Definition("b"), Definition("c")], cancellationToken: Cancel));
        var first = await RevisionAsync();

        Assert.Equal(new SaveSummary(1, 1, 2), await Targets.SaveAsync([Definition("a"), Definition("b") with { Interval = "60s" }, Definition("c"), Definition("d")], cancellationToken: Cancel));

        var targets = (await Store.AllAsync<Target>()).ToDictionary(t => t.Key);
        Assert.Equal([first, first], new[] { targets["a"].Revision, targets["c"].Revision });
        Assert.True(targets["b"].Revision > first);
        Assert.Equal(targets["b"].Revision, targets["d"].Revision);
    }

    [Fact]
    public async Task A_change_closes_the_version_before_it_at_the_moment_it_opens_the_next()
    {
        var id = await Targets.AddAsync(Definition("a"), Cancel);

        Assert.True(await Targets.ReplaceAsync(id, Definition("a") with { Interval = "60s" }, Cancel));
        Assert.True(await Targets.ReplaceAsync(id, Definition("a") with { Interval = "60s" }, Cancel));

        var versions = (await Store.AllAsync<TargetVersion>()).OrderBy(v => v.Revision).ToList();
        Assert.Equal(2, versions.Count);
        Assert.Equal(versions[1].ValidFrom, versions[0].ValidTo);
        Assert.Null(versions[1].ValidTo);
        Assert.Equal("60s", TargetStore.ReadSpec(versions[1].Spec).Interval);
    }

    [Fact]
    public async Task A_deleted_target_stays_as_a_tombstone_with_its_last_version_closed()
    {
        var id = await Targets.AddAsync(Definition("a"), Cancel);
        var added = await RevisionAsync();

        Assert.True(await Targets.DeleteAsync(id, Cancel));
        Assert.False(await Targets.DeleteAsync(id, Cancel));
        Assert.False(await Targets.ReplaceAsync(id, Definition("a"), Cancel));

        var target = Assert.Single(await Store.AllAsync<Target>());
        Assert.True(target.Revision > added);
        Assert.Equal(target.DeletedAt, Assert.Single(await Store.AllAsync<TargetVersion>()).ValidTo);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_deleted_key_comes_back_under_its_old_id(bool bySave)
    {
        var id = await Targets.AddAsync(Definition("a"), Cancel);
        await Targets.DeleteAsync(id, Cancel);

        if (bySave)
            Assert.Equal(new SaveSummary(0, 1, 0), await Targets.SaveAsync([Definition("a")], cancellationToken: Cancel));
        else
            Assert.Equal(id, await Targets.AddAsync(Definition("a"), Cancel));

        var target = Assert.Single(await Store.AllAsync<Target>());
        Assert.Equal(id, target.Id);
        Assert.Null(target.DeletedAt);
        var versions = (await Store.AllAsync<TargetVersion>()).OrderBy(v => v.Revision).ToList();
        Assert.Equal(2, versions.Count);
        Assert.NotNull(versions[0].ValidTo);
        Assert.Null(versions[1].ValidTo);
    }

    [Fact]
    public async Task A_key_that_another_target_has_is_refused_and_changes_nothing()
    {
        await Targets.AddAsync(Definition("a"), Cancel);
        var b = await Targets.AddAsync(Definition("b"), Cancel);
        var before = await RevisionAsync();

        var taken = await Assert.ThrowsAsync<KeyTakenException>(() => Targets.AddAsync(Definition("a"), Cancel));
        await Assert.ThrowsAsync<KeyTakenException>(() => Targets.ReplaceAsync(b, Definition("a"), Cancel));

        Assert.Contains("'a'", taken.Message, StringComparison.Ordinal);
        Assert.Equal(["a", "b"], (await Store.AllAsync<Target>()).Select(t => t.Key).Order());
        Assert.Equal(before, await RevisionAsync());
    }

    [Fact]
    public async Task A_key_can_be_changed()
    {
        var id = await Targets.AddAsync(Definition("a"), Cancel);

        Assert.True(await Targets.ReplaceAsync(id, Definition("b"), Cancel));

        Assert.Equal((id, "b"), Assert.Single((await Store.AllAsync<Target>()).Select(t => (t.Id, t.Key))));
    }

    [Fact]
    public async Task A_save_with_one_wrong_definition_stores_none()
    {
        await Assert.ThrowsAsync<ArgumentException>(() => Targets.SaveAsync([Definition("a"), new TargetDefinition { Key = "b", Url = "no url", Interval = "1s" }], cancellationToken: Cancel));

        Assert.Empty(await Store.AllAsync<Target>());
    }

    [Fact]
    public async Task A_large_save_goes_in_slices_and_is_one_revision()
    {
        var done = new List<int>();
        TargetDefinition[] many = [.. Enumerable.Range(0, 2_500).Select(i => Definition($"k{i}"))];

        var summary = await Targets.SaveAsync(many, new Told(done), Cancel);

        Assert.Equal(new SaveSummary(2_500, 0, 0), summary);
        Assert.Equal([1_000, 2_000, 2_500], done);
        Assert.Single((await Store.AllAsync<Target>()).Select(t => t.Revision).Distinct());
        Assert.Equal(2_500, (await Store.AllAsync<TargetVersion>()).Count(v => v.ValidTo is null));
    }

    [Fact]
    public async Task A_reader_that_asks_for_what_is_new_since_the_revision_it_saw_misses_nothing()
    {
        var stores = new[] { Store, await StartAsync(), await StartAsync() };
        var saving = Task.WhenAll(stores.Select((s, n) => Task.Run(async () =>
        {
            for (var i = 0; i < 15; i++)
                await s.Targets.SaveAsync([Definition($"{n}-{i}")], cancellationToken: Cancel);
        })));

        var (seen, keys) = (0L, new List<string>());
        for (var last = false; ; last = saving.IsCompleted)
        {
            await using var db = Store.Context();
            var revision = await RevisionAsync();
            keys.AddRange(await db.Targets.Where(t => t.Revision > seen && t.Revision <= revision).Select(t => t.Key).ToListAsync(Cancel));
            seen = revision;
            if (last)
                break;
        }
        await saving;

        Assert.Equal(45, keys.Count);
        Assert.Equal(45, keys.Distinct().Count());
    }

    private static TargetDefinition Definition(string? key) => new() { Key = key, Url = "https://example.org/", Interval = "30s" };

    private async Task<long> RevisionAsync() => (await Store.Plan.ReadAsync(Cancel)).Revision;

    private sealed class Told(List<int> done) : IProgress<int>
    {
        public void Report(int value) => done.Add(value);
    }
}
