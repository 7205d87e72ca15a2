using System.Collections.Concurrent;
using Dac.Collector;
using Dac.Collector.Probing;
using Dac.Contracts;
using Dac.Hosting;
using Dac.Tests.Support;
using MassTransit;
using MassTransit.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace Dac.Tests.Collector;

/// <summary>The module's own parts over MassTransit's harness, and what they have reported.</summary>
internal sealed class RunningCollector : IAsyncDisposable
{
    private readonly List<IDisposable> _disposables = [];
    private readonly ClockOffset _clock = new(TimeProvider.System);
    private ServiceProvider? _bus;
    private ResultReporter? _reporter;
    private DueThread? _due;

    /// <summary>To be changed before the start.</summary>
    public CollectorOptions Settings { get; } = new() { Name = "test", ReportDelay = TimeSpan.FromMilliseconds(10) };

    /// <summary>Where slots say what is wrong.</summary>
    public ILogger<Slots> Log { get; set; } = NullLogger<Slots>.Instance;

    /// <summary>The clock of the pauses.</summary>
    public FakeTimeProvider Beats { get; } = new();

    public PauseWatch Pauses { get; private set; } = null!;

    public ResultReporter Reporter => _reporter!;

    /// <summary>The messages.</summary>
    public ConcurrentBag<ProbeResultBatch> Reported { get; } = [];

    public async Task<Slots> StartAsync()
    {
        var options = Options.Create(Settings);
        _bus = new ServiceCollection()
            .AddMassTransitTestHarness(TextWriter.Null, x => x.UsingInMemory((_, bus) => bus.ReceiveEndpoint(Queues.ProbeResult, e => e.Handler<ProbeResultBatch>(c =>
            {
                Reported.Add(c.Message);
                return Task.CompletedTask;
            }))))
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().Build())
            .AddSingleton(new BusParts("test"))
            .AddSingleton(TimeProvider.System)
            .AddSingleton<PublishBus>()
            .BuildServiceProvider();
        await _bus.GetRequiredService<ITestHarness>().Start();
        _reporter = new ResultReporter(_bus.GetRequiredService<PublishBus>(), _clock, options, TimeProvider.System, NullLogger<ResultReporter>.Instance);
        await _reporter.StartAsync(CancellationToken.None);
        _due = new DueThread(TimeProvider.System);
        await _due.StartAsync(CancellationToken.None);
        Pauses = new PauseWatch(Beats);
        var limits = new ProbeLimits(options, new ConnectRate(options, TimeProvider.System), TimeProvider.System);
        _disposables.AddRange([_reporter, _due, limits, Pauses]);
        var runner = new ProbeRunner(limits, [Probers.Http(Settings)], Pauses, new ConnectionTable(TimeProvider.System, "none"), _clock, options, TimeProvider.System, NullLogger<ProbeRunner>.Instance);
        return new Slots(_due, runner, _reporter, _clock, options, Options.Create(new TopologyOptions()), TimeProvider.System, Log);
    }

    public ConcurrentBag<ProbeResult> Results() => [.. Reported.SelectMany(b => b.Results)];

    public async Task<ProbeResult> OneAsync()
    {
        await Until.TrueAsync(() => !Results().IsEmpty, "a result");
        return Assert.Single(Results());
    }

    public static ProbeUrl Probe(long id, long due, string url) => new() { TargetId = id, ScheduledAtMs = due, Url = url, TimeoutMs = 1_000, ToleranceMs = 500 };

    public static ProbeBatch Batch(params ProbeUrl[] probes) => new()
    {
        Location = "default",
        Partition = 0,
        Partitions = 16,
        WindowStartMs = probes.Max(p => p.ScheduledAtMs) / 1_000 * 1_000 + 1_000,
        Probes = probes,
    };

    public async ValueTask DisposeAsync()
    {
        if (_due is not null)
            await _due.StopAsync(CancellationToken.None);
        if (_reporter is not null)
            await _reporter.StopAsync(new CancellationToken(canceled: true));
        _disposables.ForEach(d => d.Dispose());
        if (_bus is not null)
            await _bus.DisposeAsync();
    }
}
