using System.Diagnostics;
using Dac.Benchmarks.EndToEnd;
using Dac.Collector;
using Dac.Collector.Probing;
using Dac.Contracts;
using Microsoft.Extensions.Options;

namespace Dac.Benchmarks.Probing;

/// <summary>What a probe costs: CPU-ms per 1,000, bytes allocated for each, probes per second, and how many were not up.</summary>
public sealed record ProbeCost(double CpuMs, double Bytes, double PerSecond, int NotUp);

/// <summary>Probes in this process, as a collector does them.</summary>
public sealed class ProbeLoop : IDisposable
{
    private const int AtOnce = 32;
    private const string Certificate = "DAC_SECRET_BENCHMARK_CA";

    private readonly HttpProber _prober;
    private readonly ProbeUrl[] _targets;
    private int _notUp;

    /// <param name="nginx">What is probed.</param>
    /// <param name="settings">How.</param>
    /// <param name="byHandler">Over <see cref="SocketsHttpHandler"/> instead of a socket.</param>
    /// <param name="byName">By a name, where TLS sessions are resumed, instead of by addresses; its certificate must be one that the system trusts.</param>
    public ProbeLoop(Nginx nginx, Settings settings, bool byHandler, bool byName = false)
    {
        Environment.SetEnvironmentVariable(Certificate, File.ReadAllText(nginx.CertificateFile));
        var services = new ServiceCollection();
        services.AddSingleton(Options.Create(new CollectorOptions { MaxConnectsPerSecond = 100_000 }));
        services.AddSingleton(TimeProvider.System);
        services.AddProbing();
        var provider = services.BuildServiceProvider();
        var (connector, secrets) = (provider.GetRequiredService<Connector>(), provider.GetRequiredService<SecretReader>());
        _prober = byHandler
            ? new HttpProber(connector, secrets, provider.GetRequiredService<BodyMemory>(), provider.GetRequiredService<ConnectRate>(), provider.GetRequiredService<IOptions<CollectorOptions>>(), TimeProvider.System)
            {
                Exchange = (home, probe, measurement, timeout) => new HandlerExchange(connector, secrets, home, probe, measurement, timeout),
            }
            : provider.GetServices<IProber>().OfType<HttpProber>().Single();
        _targets = [.. Enumerable.Range(0, settings.Targets).Select(i => new ProbeUrl
        {
            TargetId = i,
            ScheduledAtMs = 0,
            Url = byName ? nginx.NamedUrl(i) : nginx.Url(i),
            Network = byName ? new NetworkOptions { IpVersion = "4" } : null,
            TimeoutMs = 10_000,
            ToleranceMs = 500,
            Http = settings.Reuse ? new HttpOptions { ReuseConnection = true } : null,
            Tls = settings.Scheme == "https" && !byName ? new TlsOptions { Ca = $"env:{Certificate}" } : null,
        })];
    }

    /// <summary>As fast as it goes, 32 at once.</summary>
    public Task<ProbeCost> SaturatedAsync(int probes, CancellationToken cancellationToken) => MeasureAsync(probes, async () =>
    {
        var (next, targets) = (-1, _targets.Length / AtOnce * AtOnce);
        await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(worker => Task.Run(
            async () =>
            {
                // Each has targets of its own: one that is kept is never asked for twice at once.
                for (var i = worker; Interlocked.Increment(ref next) < probes; i += AtOnce)
                    await ProbeAsync(i % targets);
            },
            cancellationToken)));
    });

    /// <summary>So many a second, let go by a thread that looks each millisecond.</summary>
    public Task<ProbeCost> PacedAsync(int perSecond, int seconds, CancellationToken cancellationToken) => MeasureAsync(perSecond * seconds, () =>
    {
        var done = new CountdownEvent(perSecond * seconds);
        var thread = new Thread(() =>
        {
            var since = Stopwatch.GetTimestamp();
            for (var i = 0; i < perSecond * seconds && !cancellationToken.WaitHandle.WaitOne(1);)
            {
                for (var due = Math.Min((int)(Stopwatch.GetElapsedTime(since).TotalSeconds * perSecond), perSecond * seconds); i < due; i++)
                {
                    ThreadPool.UnsafeQueueUserWorkItem(
                        async target =>
                        {
                            await ProbeAsync(target);
                            done.Signal();
                        },
                        i,
                        preferLocal: false);
                }
            }
        });
        thread.Start();
        return Task.Run(() => done.Wait(cancellationToken), cancellationToken);
    });

    public void Dispose() => _prober.Dispose();

    private async Task ProbeAsync(int target)
    {
        var probe = _targets[target % _targets.Length];
        var measurement = new Measurement(TimeProvider.System);
        using var timeout = new CancellationTokenSource(probe.TimeoutMs);
        await _prober.ProbeAsync(probe, measurement, timeout.Token);
        if (measurement.ToResult(probe, 0, ProbeRemarks.None).Outcome != Outcome.Up)
            Interlocked.Increment(ref _notUp);
    }

    private async Task<ProbeCost> MeasureAsync(int probes, Func<Task> run)
    {
        _notUp = 0;
        var (cpu, bytes, since) = (Proc.CpuMs(Environment.ProcessId), GC.GetTotalAllocatedBytes(precise: true), Stopwatch.GetTimestamp());
        await run();
        var seconds = Stopwatch.GetElapsedTime(since).TotalSeconds;
        return new((Proc.CpuMs(Environment.ProcessId) - cpu) * 1_000 / probes, (GC.GetTotalAllocatedBytes(precise: true) - bytes) / (double)probes, probes / seconds, _notUp);
    }
}
