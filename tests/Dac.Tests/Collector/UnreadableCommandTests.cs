using System.Text;
using System.Text.Json;
using Dac.Collector;
using Dac.Contracts;
using Dac.Tests.Support;
using static Dac.Tests.Collector.RunningCollector;

namespace Dac.Tests.Collector;

/// <summary>Commands of which a word is not as it should be.</summary>
public sealed class UnreadableCommandTests : IAsyncDisposable
{
    private readonly RunningCollector _collector = new();

    public ValueTask DisposeAsync() => _collector.DisposeAsync();

    [Theory]
    [InlineData("\"targetId\":2,", "\"targetId\":\"b\",")]
    [InlineData("\"targetId\":2,", "")]
    [InlineData("{\"targetId\":2", "null,{\"targetId\":2")]
    public async Task A_batch_with_a_command_that_has_no_key_is_refused_as_a_whole_and_none_of_it_is_held(string right, string wrong)
    {
        var slots = await _collector.StartAsync();
        await Assert.ThrowsAsync<JsonException>(() => slots.AcceptAsync(Received(Batch(Closed(1), Closed(2)), right, wrong)));
        Assert.Equal(0, slots.Count);
    }

    [Theory]
    [InlineData("\"url\":", "\"uri\":")]
    [InlineData("\"url\":", "\"url\":null,\"uri\":")]
    [InlineData("\"timeoutMs\":", "\"timeoutMs\":0.5,\"was\":")]
    public async Task A_command_that_cannot_be_read_when_it_is_due_gives_its_slot_a_row_and_costs_the_others_nothing(string right, string wrong)
    {
        var slots = await _collector.StartAsync();
        await slots.AcceptAsync(Received(Batch(Closed(1), Closed(2) with { Regex = "second" }), right, wrong, last: true));
        await Until.TrueAsync(() => _collector.Results().Count == 2, "a result of each");
        Assert.Equal([Outcome.ConnectFailed, Outcome.InternalFault], _collector.Results().OrderBy(r => r.TargetId).Select(r => r.Outcome));
        Assert.StartsWith("the collector can't read the command: ", _collector.Results().Single(r => r.TargetId == 2).Error, StringComparison.Ordinal);
        Assert.Equal(0, slots.Count);
    }

    [Fact]
    public async Task A_log_that_takes_its_time_over_it_holds_up_no_other_slot()
    {
        using var log = new SlowLog();
        _collector.Log = log;
        var slots = await _collector.StartAsync();
        var due = TimeProvider.System.Ms() + 50;
        var (other, unreadable) = (Closed(1) with { ScheduledAtMs = due + 50 }, Closed(2) with { ScheduledAtMs = due });
        var accepted = slots.AcceptAsync(Received(Batch(other, unreadable), "\"url\":", "\"uri\":", last: true));
        try
        {
            await Until.TrueAsync(() => _collector.Results().Count == 2, "a result of each");
        }
        finally
        {
            log.Go.Set();
        }
        await accepted;
    }

    private static ProbeUrl Closed(long id) => Probe(id, TimeProvider.System.Ms(), TestServer.Closed());

    // As a bus delivers it, with a word of it changed.
    private static ProbeBatch Received(ProbeBatch batch, string right, string wrong, bool last = false)
    {
        var json = JsonSerializer.Serialize(batch, ContractJson.Default.ProbeBatch);
        var at = last ? json.LastIndexOf(right, StringComparison.Ordinal) : json.IndexOf(right, StringComparison.Ordinal);
        Assert.True(at > 0);
        return ContractJson.Read(Encoding.UTF8.GetBytes(json[..at] + wrong + json[(at + right.Length)..]), ContractJson.Default.ProbeBatch)!;
    }

    private sealed class SlowLog : ILogger<Slots>, IDisposable
    {
        public ManualResetEventSlim Go { get; } = new();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Go.Wait();

        public void Dispose() => Go.Dispose();
    }
}
