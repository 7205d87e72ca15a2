using Dac.Contracts;
using Dac.Storage;
using Dac.Tests.Support;
using Dac.Writer;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Dac.Tests.Writer;

public sealed class MaintenanceJobTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(400)]
    public async Task Results_past_their_retention_go_and_the_others_stay_also_where_the_clock_jumps_ahead(int days)
    {
        var (time, jumped) = (Clock.At(), Clock.At());
        jumped.Advance(TimeSpan.FromDays(days));
        await using var database = await TestDatabase.CreateAsync(time);
        var store = database.Get<IResultStore>();
        await store.WriteAsync(
            [.. new[] { 31, 29 }.Select(days => new ResultRow(1, 1, new ProbeResult { TargetId = days, ScheduledAtMs = time.GetUtcNow().AddDays(-days).ToUnixTimeMilliseconds(), Outcome = Outcome.Up }))],
            TestContext.Current.CancellationToken);
        await new MaintenanceJob(store, Options.Create(new StorageOptions()), jumped, time, NullLogger<MaintenanceJob>.Instance).Execute(null!, TestContext.Current.CancellationToken);
        Assert.Equal(29, (await database.QueryAsync(db => db.Results.SingleAsync(TestContext.Current.CancellationToken))).TargetId);
    }
}
