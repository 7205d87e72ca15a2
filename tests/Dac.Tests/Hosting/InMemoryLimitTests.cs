using Dac.Contracts;
using Dac.Hosting;
using Dac.Scheduler;
using Dac.Tests.Support;
using MassTransit;
using MassTransit.Testing;
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
    public async Task What_no_writer_has_taken_yet_is_a_backlog_that_the_audit_waits_for()
    {
        await _services.GetRequiredService<ITestHarness>().Start();
        await using var backlog = ActivatorUtilities.CreateInstance<ResultBacklog>(_services);
        Assert.True(await backlog.IsEmptyAsync(TestContext.Current.CancellationToken));
        for (var i = 0; i < InMemoryLimit.Messages; i++)
            await SendAsync(null);

        Assert.False(await backlog.IsEmptyAsync(TestContext.Current.CancellationToken));

        _consumed.SetResult();
        await Until.TrueAsync(async () => await backlog.IsEmptyAsync(TestContext.Current.CancellationToken) == true, "an empty queue");
    }

    public async ValueTask DisposeAsync()
    {
        _consumed.TrySetResult();
        await _services.DisposeAsync();
    }

    private Task<SendOutcome> SendAsync(TimeSpan? timeToLive) =>
        _services.GetRequiredService<PublishBus>().SendAsync(Queues.ProbeResult, new ProbeResultBatch { Location = "default", Collector = "test", Results = [] }, timeToLive, TestContext.Current.CancellationToken);
}
