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
    [Fact]
    public async Task Results_past_their_retention_go_and_the_others_stay()
    {
        var time = Clock.At();
        await using var database = await TestDatabase.CreateAsync(time);
        var store = database.Get<IResultStore>();
        await store.WriteAsync(
            [.. new[] { 31, 29 }.Select(days => new ResultRow(1, 1, new ProbeResult { TargetId = days, ScheduledAtMs = time.GetUtcNow().AddDays(-days).ToUnixTimeMilliseconds(), Outcome = Outcome.Up }))],
            TestContext.Current.CancellationToken);
        await new MaintenanceJob(store, Options.Create(new StorageOptions()), time, NullLogger<MaintenanceJob>.Instance).Execute(null!, TestContext.Current.CancellationToken);
        Assert.Equal(29, (await database.QueryAsync(db => db.Results.SingleAsync(TestContext.Current.CancellationToken))).TargetId);
    }
}
