using System.Globalization;
using Dac.Contracts;
using Dac.Hosting;
using Dac.Scheduler;
using Dac.Storage.Model;
using Dac.Tests.Scheduler;
using Dac.Tests.Support;
using MassTransit;
using MassTransit.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Testing;
using Microsoft.Extensions.Options;

namespace Dac.Tests.Hosting;

public sealed class InMemoryLimitTests : IAsyncDisposable
{
    private readonly SemaphoreSlim _consumed = new(0);
    private readonly ServiceProvider _services;

    public InMemoryLimitTests() =>
        _services = new ServiceCollection()
            .AddMassTransitTestHarness(TextWriter.Null, x => x.UsingInMemory((_, bus) => bus.ReceiveEndpoint(Queues.ProbeResult, e =>
            {
                e.ConcurrentMessageLimit = 1;
                e.Handler<ProbeResultBatch>(c => _consumed.WaitAsync(c.CancellationToken));
            })))
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().Build())
            .AddSingleton(new BusParts("test"))
            .AddSingleton(Options.Create(new TopologyOptions()))
            .AddSingleton(TimeProvider.System)
            .AddSingleton<PublishBus>()
            .BuildServiceProvider();

    [Fact]
    public async Task A_queue_that_nobody_empties_refuses_what_is_over_its_limit_and_takes_more_once_it_is_emptied()
    {
        await _services.GetRequiredService<ITestHarness>().Start();
        for (var i = 0; i < InMemoryLimit.Messages; i++)
            Assert.Equal(Sent.Confirmed, (await SendAsync(null)).Sent);

        var refused = await SendAsync(null);

        Assert.Equal((Sent.Unknown, $"{InMemoryLimit.Messages} messages wait in {Queues.ProbeResult}"), (refused.Sent, refused.Reason));
        Assert.Equal(Sent.Confirmed, (await SendAsync(TimeSpan.FromSeconds(1))).Sent);
        _consumed.Release(InMemoryLimit.Messages);
        await Until.TrueAsync(async () => (await SendAsync(null)).Sent == Sent.Confirmed, "room again");
    }

    [Fact]
    public async Task While_results_wait_for_a_writer_the_audit_closes_no_window_of_theirs_and_says_so_every_five_minutes()
    {
        await _services.GetRequiredService<ITestHarness>().Start();
        var (time, logger) = (Clock.At(), new FakeLogger<ResultBacklog>());
        await using var database = await TestDatabase.CreateAsync(time);
        await database.QueryAsync(async db =>
        {
            db.Add(new PlanWindow { StartsAt = time.GetUtcNow(), Planned = 1, SlotTargets = [1], SlotLocations = [1], SlotOffsetsMs = [0], AuditAfter = time.GetUtcNow().AddSeconds(1) });
            return await db.SaveChangesAsync(TestContext.Current.CancellationToken);
        });
        var job = database.AuditJob(time, bus: _services.GetRequiredService<PublishBus>(), logger: logger);
        for (var i = 0; i < InMemoryLimit.Messages; i++)
            await SendAsync(null);

        for (var minute = 0; minute < 11; minute++)
        {
            time.Advance(TimeSpan.FromMinutes(1));
            await job.Execute(null!, TestContext.Current.CancellationToken);
        }

        Assert.False(await IsAuditedAsync());
        Assert.Equal(
            [5, 10],
            logger.Collector.GetSnapshot().Where(r => r.Level == LogLevel.Warning).Select(r => int.Parse(r.GetStructuredStateValue("Minutes")!, CultureInfo.InvariantCulture)));

        _consumed.Release(InMemoryLimit.Messages);
        await Until.TrueAsync(async () =>
        {
            await job.Execute(null!, TestContext.Current.CancellationToken);
            return await IsAuditedAsync();
        }, "the window closed");

        Task<bool> IsAuditedAsync() => database.QueryAsync(db => db.PlanWindows.AllAsync(w => w.AuditedAt != null, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_queue_that_is_never_empty_holds_up_the_audit_by_no_more_than_what_waits_in_it()
    {
        await _services.GetRequiredService<ITestHarness>().Start();
        var (time, bus) = (Clock.At(), _services.GetRequiredService<PublishBus>());
        await using var backlog = new ResultBacklog(_services.GetRequiredService<IConfiguration>(), bus, time, NullLogger<ResultBacklog>.Instance);
        Assert.Equal(TimeSpan.Zero, await AgeAsync(minute: 0));
        for (var i = 0; i < 20; i++)
            await SendAsync(null);
        Assert.Equal(TimeSpan.FromMinutes(1), await AgeAsync(minute: 1));
        for (var i = 0; i < 20; i++)
            await SendAsync(null);
        Assert.Equal(TimeSpan.FromMinutes(2), await AgeAsync(minute: 2));

        _consumed.Release(20);
        await Until.TrueAsync(() => bus.Passed(Queues.ProbeResult)!.Value.Taken >= 20, "the first twenty taken");

        // They were there at minute 1.
        Assert.Equal(TimeSpan.FromMinutes(2), await AgeAsync(minute: 3));
        Assert.Equal(TimeSpan.FromMinutes(3), await AgeAsync(minute: 4));
        _consumed.Release(20);
        await Until.TrueAsync(async () => await backlog.AgeAsync(TestContext.Current.CancellationToken) == TimeSpan.Zero, "an empty queue");

        Task<TimeSpan?> AgeAsync(int minute)
        {
            time.Advance(Clock.At().GetUtcNow().AddMinutes(minute) - time.GetUtcNow());
            return backlog.AgeAsync(TestContext.Current.CancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _consumed.Release(2 * InMemoryLimit.Messages);
        await _services.DisposeAsync();
    }

    private Task<SendOutcome> SendAsync(TimeSpan? timeToLive) =>
        _services.GetRequiredService<PublishBus>().SendAsync(Queues.ProbeResult, new ProbeResultBatch { Location = "default", Collector = "test", Results = [] }, timeToLive, TestContext.Current.CancellationToken);
}
