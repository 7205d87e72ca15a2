using Dac.Contracts;
using Dac.Storage;
using Dac.Storage.Model;

namespace Dac.SystemTests.Storage.Contract;

public abstract class ResultStoreContract(Func<Task<TestDatabase>> create) : StoreContract(create)
{
    [Fact]
    public async Task A_result_reads_back_as_it_was_reported()
    {
        var result = new ProbeResult
        {
            TargetId = 5_000_000_000,
            ScheduledAtMs = NoonMs + 123,
            Outcome = Outcome.NoMatch,
            LatenessUs = 1_234,
            StatusCode = 200,
            ResolveUs = 1,
            ConnectUs = 2,
            TlsUs = 3,
            RequestUs = 4,
            FirstByteUs = 5,
            TransferUs = 6,
            TotalUs = 21,
            Bytes = 4_096,
            TlsExpiresAtMs = NoonMs + 86_400_000,
            Match = "žluťoučký 🐎",
            Error = "it does not match",
            Flags = ProbeRemarks.Late | ProbeRemarks.Truncated,
        };

        Assert.Equal(1, await Store.Results.WriteAsync([new ResultRow(7, 9, result)], Cancel));

        var stored = Assert.Single(await Store.AllAsync<StoredResult>());
        Assert.Equal((result.TargetId, 7, result.ScheduledAtMs, result.Outcome), (stored.TargetId, stored.LocationId, stored.ScheduledAt.ToUnixTimeMilliseconds(), stored.Outcome));
        Assert.Equal((1_234, (short)200, 4_096, 9, result.Flags), (stored.LatenessUs!.Value, stored.StatusCode!.Value, stored.Bytes!.Value, stored.CollectorId!.Value, stored.Flags));
        Assert.Equal([1, 2, 3, 4, 5, 6, 21], new[] { stored.ResolveUs, stored.ConnectUs, stored.TlsUs, stored.RequestUs, stored.FirstByteUs, stored.TransferUs, stored.TotalUs }.Select(us => us!.Value));
        Assert.Equal((result.TlsExpiresAtMs, result.Match, result.Error), (stored.TlsExpiresAt?.ToUnixTimeMilliseconds(), stored.Match, stored.Error));
    }

    [Fact]
    public async Task What_a_probe_did_not_get_to_is_null()
    {
        await WriteAsync(Row(1, 0, Outcome.Expired));

        var stored = Assert.Single(await Store.AllAsync<StoredResult>());
        Assert.Null(stored.LatenessUs);
        Assert.Null(stored.TotalUs);
        Assert.Null(stored.TlsExpiresAt);
        Assert.Null(stored.Match);
        Assert.Empty(await Store.AllAsync<TargetState>());
    }

    [Fact]
    public async Task A_batch_delivered_twice_is_stored_once()
    {
        ResultRow[] batch = [.. Enumerable.Range(1, 100).Select(t => Row(t, 0, Outcome.Up))];

        Assert.Equal(100, await WriteAsync(batch));
        Assert.Equal(0, await WriteAsync(batch));

        Assert.Equal(100, (await Store.AllAsync<StoredResult>()).Count);
        Assert.Equal(100, (await Store.AllAsync<StateChange>()).Count);
    }

    [Fact]
    public async Task The_same_time_at_two_locations_is_two_slots()
    {
        Assert.Equal(2, await Store.Results.WriteAsync([new ResultRow(1, 1, Row(1, 0, Outcome.Up).Result), new ResultRow(2, 1, Row(1, 0, Outcome.Timeout).Result)], Cancel));

        Assert.Equal([TargetHealth.Up, TargetHealth.Down], (await Store.AllAsync<TargetState>()).OrderBy(s => s.LocationId).Select(s => s.Health));
    }

    [Theory]
    [InlineData(Outcome.Expired, Outcome.Up)]
    [InlineData(Outcome.Lost, Outcome.Timeout)]
    [InlineData(Outcome.ResolverFault, Outcome.Up)]
    [InlineData(Outcome.Lost, Outcome.PausedFault)]
    [InlineData(Outcome.NotPlanned, (Outcome)33)]
    public async Task A_higher_class_replaces_a_lower_one_whichever_comes_first(Outcome lower, Outcome higher)
    {
        Assert.Equal(2, await WriteAsync(Row(1, 0, lower, total: 1), Row(2, 0, higher, total: 2)));
        Assert.Equal(1, await WriteAsync(Row(1, 0, higher, total: 2), Row(2, 0, lower, total: 1)));

        var rows = await Store.AllAsync<StoredResult>();
        Assert.Equal(2, rows.Count);
        Assert.All(rows, r => Assert.Equal((higher, 2), (r.Outcome, r.TotalUs)));
    }

    [Theory]
    [InlineData(Outcome.Up, Outcome.Timeout)]
    [InlineData(Outcome.ResolverFault, Outcome.PausedFault)]
    [InlineData(Outcome.Expired, Outcome.Lost)]
    public async Task Of_one_class_the_first_stays(Outcome first, Outcome second)
    {
        await WriteAsync(Row(1, 0, first));

        Assert.Equal(0, await WriteAsync(Row(1, 0, second)));

        Assert.Equal(first, Assert.Single(await Store.AllAsync<StoredResult>()).Outcome);
    }

    [Fact]
    public async Task The_state_is_the_latest_executed_slot_and_tells_since_when()
    {
        await WriteAsync(Row(1, 0, Outcome.Up), Row(1, 10, Outcome.Timeout, total: 10, error: "slow"), Row(1, 20, Outcome.BadStatus, total: 20, error: "503"), Row(1, 30, Outcome.PausedFault), Row(1, 40, Outcome.Expired));

        var state = Assert.Single(await Store.AllAsync<TargetState>());
        Assert.Equal((TargetHealth.Down, Outcome.BadStatus, 20, "503"), (state.Health, state.Outcome, state.TotalUs, state.Error));
        Assert.Equal((Noon.AddSeconds(10), Noon.AddSeconds(20)), (state.Since, state.ScheduledAt));
    }

    [Fact]
    public async Task Since_lasts_over_batches_as_long_as_the_state_does()
    {
        await WriteAsync(Row(1, 0, Outcome.Up));
        await WriteAsync(Row(1, 10, Outcome.Up));
        await WriteAsync(Row(1, 20, Outcome.Up), Row(1, 30, Outcome.Up));

        var state = Assert.Single(await Store.AllAsync<TargetState>());
        Assert.Equal((Noon, Noon.AddSeconds(30)), (state.Since, state.ScheduledAt));
        Assert.Single(await Store.AllAsync<StateChange>());
    }

    [Fact]
    public async Task A_batch_that_comes_late_is_stored_and_leaves_the_state_alone()
    {
        await WriteAsync(Row(1, 20, Outcome.Up));

        Assert.Equal(2, await WriteAsync(Row(1, 0, Outcome.Timeout), Row(1, 10, Outcome.Up)));

        var state = Assert.Single(await Store.AllAsync<TargetState>());
        Assert.Equal((TargetHealth.Up, Noon.AddSeconds(20), Noon.AddSeconds(20)), (state.Health, state.ScheduledAt, state.Since));
        Assert.Equal(3, (await Store.AllAsync<StoredResult>()).Count);
        Assert.Single(await Store.AllAsync<StateChange>());
    }

    [Fact]
    public async Task A_batch_half_late_folds_its_newer_half()
    {
        await WriteAsync(Row(1, 20, Outcome.Up));

        await WriteAsync(Row(1, 10, Outcome.Timeout), Row(1, 30, Outcome.Timeout));

        Assert.Equal([(null, TargetHealth.Up, 20), (TargetHealth.Up, TargetHealth.Down, 30)], await ChangesAsync(1));
        Assert.Equal(Noon.AddSeconds(30), Assert.Single(await Store.AllAsync<TargetState>()).Since);
    }

    [Fact]
    public async Task Each_change_within_a_batch_is_a_row()
    {
        await WriteAsync(
            Row(1, 0, Outcome.Up), Row(1, 10, Outcome.Timeout), Row(1, 20, Outcome.NameNotFound), Row(1, 30, Outcome.ResolverFault), Row(1, 40, Outcome.Up), Row(1, 50, Outcome.Degraded),
            Row(2, 0, Outcome.Timeout), Row(2, 10, Outcome.Up));

        Assert.Equal(
            [(null, TargetHealth.Up, 0), (TargetHealth.Up, TargetHealth.Down, 10), (TargetHealth.Down, TargetHealth.Up, 40), (TargetHealth.Up, TargetHealth.Degraded, 50)],
            await ChangesAsync(1));
        Assert.Equal([(null, TargetHealth.Down, 0), (TargetHealth.Down, TargetHealth.Up, 10)], await ChangesAsync(2));
        Assert.All(await Store.AllAsync<StateChange>(), c => Assert.Null(c.PublishedAt));
    }

    [Fact]
    public async Task A_change_between_two_batches_is_a_row()
    {
        await WriteAsync(Row(1, 0, Outcome.Up));
        await WriteAsync(Row(1, 10, Outcome.Timeout));

        Assert.Equal([(null, TargetHealth.Up, 0), (TargetHealth.Up, TargetHealth.Down, 10)], await ChangesAsync(1));
    }

    [Fact]
    public async Task A_missed_slot_that_turns_out_to_be_executed_counts_for_the_state()
    {
        await WriteAsync(Row(1, 0, Outcome.Up), Row(1, 10, Outcome.Lost));

        await WriteAsync(Row(1, 10, Outcome.Timeout));

        Assert.Equal(TargetHealth.Down, Assert.Single(await Store.AllAsync<TargetState>()).Health);
        Assert.Equal(2, (await ChangesAsync(1)).Count);
    }

    [Fact]
    public async Task An_empty_batch_is_nothing() => Assert.Equal(0, await WriteAsync());

    [Fact]
    public async Task Two_writers_with_the_same_slots_never_lock_each_other_out()
    {
        var other = await StartAsync();
        for (var round = 0; round < 20; round++)
        {
            var second = round * 10;
            ResultRow[] executed = [.. Enumerable.Range(1, 200).Select(t => Row(t, second, t % 3 == 0 ? Outcome.Timeout : Outcome.Up))];
            ResultRow[] missed = [.. Enumerable.Range(101, 200).Select(t => Row(t, second, Outcome.Lost))];

            await Task.WhenAll(
                Task.Run(() => Store.Results.WriteAsync(executed, Cancel)), Task.Run(() => other.Results.WriteAsync(missed, Cancel)), Task.Run(() => other.Results.WriteAsync(executed, Cancel)));
        }

        var rows = await Store.AllAsync<StoredResult>();
        Assert.Equal(20 * 300, rows.Count);
        Assert.Equal(20 * 100, rows.Count(r => r.Outcome == Outcome.Lost));
        Assert.Equal(200, (await Store.AllAsync<TargetState>()).Count(s => s.ScheduledAt == Noon.AddSeconds(190)));
        Assert.Equal(200, (await Store.AllAsync<StateChange>()).Count);
    }

    [Fact]
    public async Task Two_writers_with_different_slots_of_the_same_new_targets_find_one_first_state()
    {
        var other = await StartAsync();
        for (var round = 0; round < 10; round++)
        {
            var first = (round * 100) + 1;
            ResultRow[] earlier = [.. Enumerable.Range(first, 100).Select(t => Row(t, 0, Outcome.Up))];
            ResultRow[] later = [.. Enumerable.Range(first, 100).Select(t => Row(t, 10, Outcome.Up))];

            await Task.WhenAll(Task.Run(() => Store.Results.WriteAsync(earlier, Cancel)), Task.Run(() => other.Results.WriteAsync(later, Cancel)));
        }

        Assert.Equal(1_000, (await Store.AllAsync<TargetState>()).Count(s => s.ScheduledAt == Noon.AddSeconds(10)));
        Assert.Equal(1_000, (await Store.AllAsync<StateChange>()).Count);
    }

    protected static ResultRow Row(long target, int second, Outcome outcome, int? total = null, string? error = null) => new(
        1, 1, new ProbeResult { TargetId = target, ScheduledAtMs = NoonMs + (second * 1_000L), Outcome = outcome, TotalUs = total, Error = error });

    protected Task<int> WriteAsync(params ResultRow[] rows) => Store.Results.WriteAsync(rows, Cancel);

    private async Task<List<(TargetHealth? From, TargetHealth To, int Second)>> ChangesAsync(long target) =>
        [.. (await Store.AllAsync<StateChange>()).Where(c => c.TargetId == target).OrderBy(c => c.ScheduledAt)
            .Select(c => (c.FromHealth, c.ToHealth, (int)(c.ScheduledAt - Noon).TotalSeconds))];
}
