using System.Text;
using System.Text.Json;
using Dac.Contracts;
using Dac.Storage;
using Dac.Storage.Model;
using Dac.Tests.Support;
using Dac.Writer;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace Dac.Tests.Writer;

public sealed class ResultWriterTests : IAsyncLifetime
{
    private TestDatabase _database = null!;
    private ResultWriter _writer = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await TestDatabase.CreateAsync();
        _writer = Writer(new WriterOptions(), TimeProvider.System);
        await _writer.StartAsync(TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _writer.StopAsync(CancellationToken.None);
        _writer.Dispose();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task A_batch_is_acknowledged_when_its_rows_are_there()
    {
        await _writer.StoreAsync(Batch(Result(1, 1_000, Outcome.Up), Result(2, 1_000, Outcome.Timeout)));
        Assert.Equal([Outcome.Up, Outcome.Timeout], (await RowsAsync()).Select(r => r.Outcome));
    }

    [Theory]
    [InlineData(3, 100)]
    [InlineData(100, 2)]
    public async Task Results_wait_for_others_until_there_are_enough_or_their_time_is_over(int rows, ushort messages)
    {
        var time = new FakeTimeProvider();
        using var writer = Writer(new WriterOptions { BatchRows = rows, Prefetch = messages }, time);
        await writer.StartAsync(TestContext.Current.CancellationToken);
        // The clock stands still: these do not wait for it.
        await Task.WhenAll(writer.StoreAsync(Batch(Result(1, 1_000, Outcome.Up))), writer.StoreAsync(Batch(Result(2, 1_000, Outcome.Up), Result(3, 1_000, Outcome.Up))));
        Assert.Equal(3, (await RowsAsync()).Count);

        var few = writer.StoreAsync(Batch(Result(4, 1_000, Outcome.Up)));
        Assert.Equal(3, (await RowsAsync()).Count);
        await Until.TrueAsync(
            () =>
            {
                time.Advance(new WriterOptions().BatchDelay);
                return few.IsCompletedSuccessfully;
            },
            "it is stored");
        Assert.Equal(4, (await RowsAsync()).Count);
        await writer.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task A_slot_reported_twice_has_one_row()
    {
        await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => _writer.StoreAsync(Batch(Result(1, 1_000, Outcome.Up), Result(1, 1_000, Outcome.Up)))));
        Assert.Single(await RowsAsync());
    }

    [Fact]
    public async Task Within_a_batch_too_executed_wins_over_missed()
    {
        await _writer.StoreAsync(Batch(Result(1, 1_000, Outcome.Expired), Result(1, 1_000, Outcome.Up), Result(1, 1_000, Outcome.PausedFault)));
        Assert.Equal(Outcome.Up, Assert.Single(await RowsAsync()).Outcome);
    }

    [Fact]
    public async Task A_row_that_the_database_refuses_is_parked_alone()
    {
        // Stands in for whatever a database may refuse: a rule that the schema does not have as shipped.
        await _database.QueryAsync(db => db.Database.ExecuteSqlRawAsync("CREATE TRIGGER refuse BEFORE INSERT ON probe_result WHEN NEW.target_id = 500 BEGIN SELECT RAISE(ABORT, 'target 500 is refused'); END"));
        await _writer.StoreAsync(Batch([.. Enumerable.Range(1, 1_000).Select(i => Result(i, 1_000, Outcome.Up))]));
        Assert.Equal(999, (await RowsAsync()).Count);
        var parked = Assert.Single(await _database.QueryAsync(db => db.ParkedResults.ToListAsync(TestContext.Current.CancellationToken)));
        Assert.Contains("target 500 is refused", parked.Reason, StringComparison.Ordinal);
        Assert.Contains("\"targetId\":500", parked.Payload, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Location_and_collector_are_known_by_name()
    {
        await _writer.StoreAsync(Batch(Result(1, 1_000, Outcome.Up)));
        var row = Assert.Single(await RowsAsync());
        Assert.Equal("eu", await _database.QueryAsync(db => db.Locations.Where(l => l.Id == row.LocationId).Select(l => l.Name).SingleAsync(TestContext.Current.CancellationToken)));
        Assert.Equal("c1", await _database.QueryAsync(db => db.Collectors.Where(c => c.Id == row.CollectorId).Select(c => c.Name).SingleAsync(TestContext.Current.CancellationToken)));
    }

    [Theory]
    [InlineData("""{"location":null,"collector":"x","results":[]}""")]
    [InlineData("""{"location":"x","collector":"x","results":null}""")]
    [InlineData("""{"location":"x","collector":"x","results":[null]}""")]
    [InlineData("""{"location":"x","collector":"x","results":[{"targetId":1,"scheduledAtMs":1000,"outcome":10},{}]}""")]
    [InlineData("""{"location":"x\u0000","collector":"x","results":[]}""")]
    [InlineData("""{"location":"x","collector":"","results":[]}""")]
    [InlineData("long names")]
    public async Task A_message_that_is_no_batch_is_refused_and_holds_up_nobody(string json)
    {
        if (json == "long names")
            json = $$"""{"location":"{{new string('x', 301)}}","collector":"x","results":[]}""";
        var refusal = await Record.ExceptionAsync(() => _writer.StoreAsync(ContractJson.Read(Encoding.UTF8.GetBytes(json), ContractJson.Default.ProbeResultBatch)!));
        Assert.True(refusal is ArgumentException or JsonException);
        await _writer.StoreAsync(Batch(Result(1, 1_000, Outcome.Up)));
        Assert.Single(await RowsAsync());
    }

    [Fact]
    public async Task An_empty_batch_is_acknowledged()
    {
        await _writer.StoreAsync(Batch());
        Assert.Equal(0, _writer.Waiting);
    }

    [Fact]
    public async Task While_the_database_is_away_nothing_is_acknowledged_and_then_all_is_stored()
    {
        await _database.QueryAsync(db => db.Database.ExecuteSqlRawAsync("ALTER TABLE probe_result RENAME TO away"));
        var stored = _writer.StoreAsync(Batch(Result(1, 1_000, Outcome.Up)));
        await Until.TrueAsync(async () => (await _writer.CheckHealthAsync(new())).Description is not null, "the outage");
        Assert.False(stored.IsCompleted);
        await _database.QueryAsync(db => db.Database.ExecuteSqlRawAsync("ALTER TABLE away RENAME TO probe_result"));
        await stored;
        Assert.Single(await RowsAsync());
        Assert.Null((await _writer.CheckHealthAsync(new())).Description);
    }

    private ResultWriter Writer(WriterOptions options, TimeProvider time) => new(
        _database.Get<IResultStore>(), _database.Get<IDbContextFactory<DacDbContext>>(), _database.Get<NameIds>(), _database.Get<WriteGate>(),
        Options.Create(options), time, NullLogger<ResultWriter>.Instance);

    private Task<List<StoredResult>> RowsAsync() => _database.QueryAsync(db => db.Results.OrderBy(r => r.TargetId).ToListAsync(TestContext.Current.CancellationToken));

    private static ProbeResult Result(long target, long at, Outcome outcome) => new() { TargetId = target, ScheduledAtMs = at, Outcome = outcome };

    private static ProbeResultBatch Batch(params ProbeResult[] results) => new() { Location = "eu", Collector = "c1", Results = results };
}
