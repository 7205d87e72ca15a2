using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Dac.Contracts;
using Dac.Hosting;
using Dac.Scheduler;
using Dac.Storage;
using Dac.Storage.Postgres;
using Dac.Targets;
using Dac.Tests.Scheduler;
using Dac.Tests.Support;
using MassTransit;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Dac.Tests.Cost;

/// <summary>What the hot paths allocate for each slot: counted by the runtime, the same on every machine.</summary>
[Collection(nameof(Alone))]
public sealed class AllocationTests
{
    /// <summary>A test that listens to traces makes every command a traced one.</summary>
    [CollectionDefinition(nameof(Alone), DisableParallelization = true)]
    public sealed class Alone;

    private const int Slots = 640;
    private const long Start = 1_700_000_000_000;

    [Fact]
    public void Planning_allocates_per_slot_what_it_did()
    {
        var partition = new PartitionTargets();
        var target = TargetValidator.Validate(new() { Url = "http://h/", Interval = "1s" }).Target!;
        var command = CommandTemplates.Make(target);
        for (var id = 1; id <= Slots; id++)
            partition.Add(new PlannedTarget(id, 0, target, [1], command));
        List<PlannedWindow> windows = [partition.Plan(0, Start, 1)!];
        var (planned, columns) = (PerSlot(() => partition.Plan(0, Start, 1)), PerSlot(() => SlotColumns.Of(windows)));
        Assert.Multiple(() => Baseline.Holds("bytes per slot planned", planned), () => Baseline.Holds("bytes per slot as PostgreSQL's columns", columns));
    }

    [Fact]
    public async Task Commands_allocate_what_they_did_from_the_plan_to_the_bytes_and_back()
    {
        await using var database = await TestDatabase.CreateAsync(Clock.At());
        await database.Get<TargetStore>().SaveAsync(
            [.. Enumerable.Range(0, Slots).Select(i => new TargetDefinition { Key = $"t{i}", Url = $"http://127.0.0.1/health/{i:000}", Interval = "1s", Http = new() { ReuseConnection = true } })], null, TestContext.Current.CancellationToken);
        await using var services = new ServiceCollection().AddSingleton(MassTransit.Bus.Factory.CreateUsingInMemory(_ => { })).BuildServiceProvider();
        var bus = new PublishBus(services, new ConfigurationBuilder().Build(), new BusParts("test"), Options.Create(new TopologyOptions()), TimeProvider.System, NullLoggerFactory.Instance);
        var (dispatcher, catalogue) = database.Dispatcher(bus, Clock.At());
        await catalogue.RefreshAsync(1, TestContext.Current.CancellationToken);
        var window = catalogue.Partition(Partitioning.Of("127.0.0.1", 16)).Plan(0, Start, 1)!;
        Assert.Equal(Slots, window.Slots.Count);

        var written = new List<byte[]>();
        var writing = PerSlot(() =>
        {
            written.Clear();
            var batches = new List<(PlannedWindow, ProbeBatch Batch)>();
            // All that it needs is in memory: it ends before it returns.
            Assert.True(dispatcher.AddBatchesAsync(window, batches, CancellationToken.None).IsCompletedSuccessfully);
            foreach (var (_, batch) in batches)
                written.Add(JsonSerializer.SerializeToUtf8Bytes(batch, ContractJson.Default.ProbeBatch));
        });
        var reading = PerSlot(() => written.ForEach(w => Read<ProbeBatch>(w)));
        var received = written.ConvertAll(Read<ProbeBatch>);
        var due = PerSlot(() =>
        {
            foreach (var batch in received)
            {
                for (var i = 0; i < batch.Probes.Count; i++)
                    Assert.True(batch.Probes[i].Http!.ReuseConnection);
            }
        });
        Assert.Multiple(
            () => Baseline.Holds("bytes per command made and written", writing), () => Baseline.Holds("bytes per command read", reading), () => Baseline.Holds("bytes per command that is due", due));
    }

    [Fact]
    public void Results_allocate_what_they_did_to_bytes_and_back_and_to_rows()
    {
        var results = Enumerable.Range(0, Slots).Select(i => new ProbeResult
        {
            TargetId = 1_000 + i,
            ScheduledAtMs = Start + i,
            Outcome = Outcome.Up,
            LatenessUs = 412,
            StatusCode = 200,
            ResolveUs = 310,
            ConnectUs = 14_205,
            RequestUs = 84,
            FirstByteUs = 15_012,
            TransferUs = 420,
            TotalUs = 30_031,
            Bytes = 5_120,
        }).ToList();
        var batch = new ProbeResultBatch { Location = "default", Collector = "collector-1", ClockOffsetMs = 1, Results = results };
        byte[] written = [];
        var rows = results.ConvertAll(r => new ResultRow(1, 1, r));
        var writing = PerSlot(() => written = JsonSerializer.SerializeToUtf8Bytes(batch, ContractJson.Default.ProbeResultBatch));
        var reading = PerSlot(() => Read<ProbeResultBatch>(written));
        var columns = PerSlot(() => PostgresResultStore.AddColumns(new NpgsqlBatchCommand(), rows));
        Assert.Multiple(
            () => Baseline.Holds("bytes per result written", writing), () => Baseline.Holds("bytes per result read", reading), () => Baseline.Holds("bytes per row as PostgreSQL's columns", columns));
    }

    private static T Read<T>(byte[] json) => ContractJson.Read(json, (JsonTypeInfo<T>)ContractJson.Default.GetTypeInfo(typeof(T))!)!;

    /// <summary>The least of many runs: caches are filled once, and buffers of a pool are sometimes new.</summary>
    private static double PerSlot(Action work)
    {
        var least = long.MaxValue;
        for (var run = 0; run < 60; run++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            work();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        return Math.Round((double)least / Slots, 1);
    }
}
