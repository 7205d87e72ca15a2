using System.Collections.Concurrent;
using Dac.Contracts;
using Dac.Hosting;
using Dac.Scheduler;
using Dac.Storage;
using Dac.Targets;
using Dac.Tests.Support;
using MassTransit;
using MassTransit.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;

namespace Dac.Tests.Scheduler;

/// <summary>Schedulers on one database and a faked clock, with MassTransit's harness in place of the broker.</summary>
public abstract class SchedulerTests : IAsyncLifetime
{
    protected FakeTimeProvider Time { get; } = Clock.At();

    /// <summary>To be locked: they come from the bus's threads.</summary>
    protected List<ProbeBatch> Published { get; } = [];

    protected ConcurrentQueue<ProbeResult> Reported { get; } = new();

    protected TestDatabase Database { get; private set; } = null!;

    protected ServiceProvider Bus { get; private set; } = null!;

    public virtual async ValueTask InitializeAsync()
    {
        Database = await TestDatabase.CreateAsync(Time);
        Bus = new ServiceCollection()
            .AddMassTransitTestHarness(TextWriter.Null, x => x.UsingInMemory((_, bus) =>
            {
                bus.ReceiveEndpoint(Queues.ProbeResult, e => e.Handler<ProbeResultBatch>(c => { c.Message.Results.ToList().ForEach(Reported.Enqueue); return Task.CompletedTask; }));
                bus.ReceiveEndpoint(Queues.ProbeUrl("mars", 2), e => e.Handler<ProbeBatch>(_ => Task.CompletedTask));
                for (var partition = 0; partition < 16; partition++)
                    bus.ReceiveEndpoint(Queues.ProbeUrl("default", partition), e => e.Handler<ProbeBatch>(c => { lock (Published) Published.Add(c.Message); return Task.CompletedTask; }));
            }))
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().Build())
            .AddSingleton(new BusParts("test"))
            .AddSingleton(TimeProvider.System)
            .AddSingleton<PublishBus>()
            .BuildServiceProvider();
        await Bus.GetRequiredService<ITestHarness>().Start();
    }

    public async ValueTask DisposeAsync()
    {
        await Bus.DisposeAsync();
        await Database.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    protected PlanJob Scheduler(TimeProvider? deadlines = null) => Database.PlanJob(Bus.GetRequiredService<PublishBus>(), Time, deadlines).Job;

    protected static Task TickAsync(PlanJob scheduler) => scheduler.Execute(null!, TestContext.Current.CancellationToken).AsTask();

    protected Task NextAsync(PlanJob scheduler)
    {
        Time.Advance(TimeSpan.FromSeconds(1));
        return TickAsync(scheduler);
    }

    protected Task SaveAsync(string url, string interval) =>
        Database.Get<TargetStore>().SaveAsync([new() { Key = "t", Url = url, Interval = interval }], null, TestContext.Current.CancellationToken);

    protected Task ReplaceAsync(TargetDefinition definition) => Database.Get<TargetStore>().ReplaceAsync(1, definition, TestContext.Current.CancellationToken);

    protected Task<List<Dac.Storage.Model.PlanWindow>> WindowsAsync() =>
        Database.QueryAsync(db => db.PlanWindows.OrderBy(w => w.StartsAt).ToListAsync(TestContext.Current.CancellationToken));

    protected List<ProbeUrl> Probes()
    {
        lock (Published)
            return [.. Published.SelectMany(b => b.Probes)];
    }

    protected static int Seconds(DateTimeOffset time) => (int)(time - DateTimeOffset.Parse("2026-06-01T12:00:00Z")).TotalSeconds;
}
