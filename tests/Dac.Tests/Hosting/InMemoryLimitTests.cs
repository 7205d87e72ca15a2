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
using Microsoft.Extensions.Time.Testing;

namespace Dac.Tests.Hosting;

public sealed class InMemoryLimitTests : IAsyncDisposable
{
    private readonly SemaphoreSlim _consumed = new(0);
    private readonly FakeTimeProvider _time = Clock.At();
    private readonly ServiceProvider _services;
    private ResultBacklog? _backlog;
    private int _released;

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
        var logger = new FakeLogger<ResultBacklog>();
        await using var database = await TestDatabase.CreateAsync(_time);
        await database.QueryAsync(async db =>
        {
            db.Add(new PlanWindow { StartsAt = _time.GetUtcNow(), Planned = 1, SlotTargets = [1], SlotLocations = [1], SlotOffsetsMs = [0], AuditAfter = _time.GetUtcNow().AddSeconds(1) });
            return await db.SaveChangesAsync(TestContext.Current.CancellationToken);
        });
        var job = database.AuditJob(_time, bus: _services.GetRequiredService<PublishBus>(), logger: logger);
        await SendAsync(InMemoryLimit.Messages);

        for (var minute = 0; minute < 11; minute++)
        {
            _time.Advance(TimeSpan.FromMinutes(1));
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
        await StartAsync();
        Assert.Equal(0, await AgeAsync(minute: 0));
        await SendAsync(20);
        Assert.Equal(1, await AgeAsync(minute: 1));
        await SendAsync(20);
        Assert.Equal(2, await AgeAsync(minute: 2));

        await ConsumeAsync(20);

        // They were there at minute 1.
        Assert.Equal(2, await AgeAsync(minute: 3));
        Assert.Equal(3, await AgeAsync(minute: 4));
        await ConsumeAsync(20);
        Assert.Equal(0, await AgeAsync(minute: 5));
    }

    [Fact]
    public async Task What_a_full_queue_refuses_waits_at_its_sender_and_holds_up_the_audit_too()
    {
        await StartAsync();
        await SendAsync(InMemoryLimit.Messages + 1);
        Assert.Equal(1, await AgeAsync(minute: 1));
        await SendAsync(1);
        await ConsumeAsync(InMemoryLimit.Messages);

        // Those of minute 1 were refused some time before it.
        Assert.Equal(1.5, await AgeAsync(minute: 2));
        Assert.Equal(0, await AgeAsync(minute: 3));
    }

    public async ValueTask DisposeAsync()
    {
        _consumed.Release(2 * InMemoryLimit.Messages);
        await _services.DisposeAsync();
    }

    private async Task StartAsync()
    {
        await _services.GetRequiredService<ITestHarness>().Start();
        _backlog = new ResultBacklog(_services.GetRequiredService<IConfiguration>(), _services.GetRequiredService<PublishBus>(), _time, NullLogger<ResultBacklog>.Instance);
    }

    // In minutes.
    private async Task<double> AgeAsync(int minute)
    {
        _time.Advance(Clock.At().GetUtcNow().AddMinutes(minute) - _time.GetUtcNow());
        Assert.True(await _backlog!.LookAsync(TestContext.Current.CancellationToken));
        return _backlog.Age!.Value.TotalMinutes;
    }

    // One more is taken, and held.
    private async Task ConsumeAsync(int messages)
    {
        _consumed.Release(messages);
        _released += messages;
        await Until.TrueAsync(() => _services.GetRequiredService<PublishBus>().Passed(Queues.ProbeResult) is { } passed && passed.Taken == Math.Min(passed.Sent, _released + 1), "the messages taken");
    }

    private async Task SendAsync(int messages)
    {
        for (var i = 0; i < messages; i++)
            await SendAsync(null);
    }

    private Task<SendOutcome> SendAsync(TimeSpan? timeToLive) =>
        _services.GetRequiredService<PublishBus>().SendAsync(Queues.ProbeResult, new ProbeResultBatch { Location = "default", Collector = "test", Results = [] }, timeToLive, TestContext.Current.CancellationToken);
}
