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
using Microsoft.Extensions.Logging.Testing;
using Microsoft.Extensions.Options;

namespace Dac.Tests.Hosting;

public sealed class InMemoryLimitTests : IAsyncDisposable
{
    private readonly TaskCompletionSource _consumed = new();
    private readonly ServiceProvider _services;

    public InMemoryLimitTests() =>
        _services = new ServiceCollection()
            .AddMassTransitTestHarness(TextWriter.Null, x => x.UsingInMemory((_, bus) => bus.ReceiveEndpoint(Queues.ProbeResult, e => e.Handler<ProbeResultBatch>(_ => _consumed.Task))))
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
        _consumed.SetResult();
        await Until.TrueAsync(async () => (await SendAsync(null)).Sent == Sent.Confirmed, "room again");
    }

    [Fact]
    public async Task While_results_wait_for_a_writer_the_audit_closes_nothing_and_says_so_every_five_minutes()
    {
        await _services.GetRequiredService<ITestHarness>().Start();
        var (time, logger) = (Clock.At(), new FakeLogger<ResultBacklog>());
        await using var database = await TestDatabase.CreateAsync(time);
        await database.QueryAsync(async db =>
        {
            db.Add(new PlanWindow { StartsAt = time.GetUtcNow(), Planned = 1, SlotTargets = [1], SlotLocations = [1], SlotOffsetsMs = [0], AuditAfter = time.GetUtcNow() });
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

        _consumed.SetResult();
        await Until.TrueAsync(async () =>
        {
            await job.Execute(null!, TestContext.Current.CancellationToken);
            return await IsAuditedAsync();
        }, "the window closed");

        Task<bool> IsAuditedAsync() => database.QueryAsync(db => db.PlanWindows.AllAsync(w => w.AuditedAt != null, TestContext.Current.CancellationToken));
    }

    public async ValueTask DisposeAsync()
    {
        _consumed.TrySetResult();
        await _services.DisposeAsync();
    }

    private Task<SendOutcome> SendAsync(TimeSpan? timeToLive) =>
        _services.GetRequiredService<PublishBus>().SendAsync(Queues.ProbeResult, new ProbeResultBatch { Location = "default", Collector = "test", Results = [] }, timeToLive, TestContext.Current.CancellationToken);
}
