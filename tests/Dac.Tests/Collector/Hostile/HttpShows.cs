using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using Dac.Collector;
using Dac.Collector.Probing;
using Dac.Contracts;

namespace Dac.Tests.Collector.Hostile;

/// <summary>
/// Figures, not verdicts: tables of what a prober makes of hostile servers at their worst, and of how true its phases are. Run on a quiet machine with
/// <c>dotnet tests/Dac.Tests/bin/Debug/net10.0/Dac.Tests.dll -explicit only -class Dac.Tests.Collector.Hostile.HttpShows</c>; they are written to <c>shows/</c> beside the tests.
/// </summary>
public sealed class HttpShows
{
    [Fact(Explicit = true)]
    public async Task Five_hundred_of_each_behaviour_at_once()
    {
        const int AtOnce = 500, TimeoutMs = 5_000;
        var table = new StringBuilder("| behaviour | expected | seen | p50 ms | longest ms | peak memory, MB over idle |\n| --- | --- | --- | --- | --- | --- |\n");
        using var prober = (HttpProber)Probers.Http(new CollectorOptions());
        foreach (var behaviour in HttpBehaviours.All)
        {
            await using var server = behaviour.Start();
            var idle = await IdleMemoryAsync();
            var results = await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(_ => Task.Run(() => HttpHostileTests.ProbeAsync(prober, behaviour, server, TimeoutMs))));
            var times = results.Select(r => r.TotalUs!.Value / 1_000.0).Order().ToArray();
            var seen = string.Join(", ", results.GroupBy(r => r.Outcome).OrderByDescending(g => g.Count()).Select(g => $"{g.Key} {g.Count()}"));
            table.AppendLine(CultureInfo.InvariantCulture, $"| {behaviour.Name} | {behaviour.Outcome}{(behaviour.Or is { } or ? $" or {or}" : "")} | {seen} | {times[AtOnce / 2]:F0} | {times[^1]:F0} | {PeakMemory() - idle} |");
        }
        await WriteAsync("hostile.md", table);
    }

    [Fact(Explicit = true)]
    public async Task Phases_against_the_truth()
    {
        var table = new StringBuilder("| stage | injected ms | phase p50 ms | error p50 ms | error p99 ms |\n| --- | --- | --- | --- | --- |\n");
        foreach (var stage in new[] { "resolve", "tls", "first byte", "transfer" })
        {
            foreach (var delayMs in new[] { 0, 20, 50, 200 })
                await MeasureAsync(stage, delayMs, table);
        }
        await WriteAsync("phases.md", table);
    }

    // The truth is what the server's own clock says that it waited.
    private static async Task MeasureAsync(string stage, int delayMs, StringBuilder table)
    {
        const int Times = 200;
        var truth = 0.0;
        async Task At(string here)
        {
            var since = Stopwatch.GetTimestamp();
            if (here == stage && delayMs > 0)
                await Task.Delay(delayMs);
            if (here == stage)
                truth = Stopwatch.GetElapsedTime(since).TotalMilliseconds;
        }
        using var names = LocalNameServer.Start(_ => [IPAddress.Loopback], () => At("resolve"));
        await using var server = HostileServer.Start(
            async c =>
            {
                await c.RequestAsync();
                await At("first byte");
                await c.SayAsync("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
                await At("transfer");
                await c.SayAsync("cd");
            },
            Certificates.Make("there.example"), beforeHandshake: () => At("tls"));
        using var prober = (HttpProber)Probers.Http(new CollectorOptions());
        var probe = new ProbeUrl { TargetId = 1, ScheduledAtMs = 0, Url = $"https://there.example:{server.Port}/", TimeoutMs = 5_000, ToleranceMs = 500, Network = new() { Resolver = names.Address, IpVersion = "4" }, Tls = new() { SkipVerify = true } };
        var (phases, errors) = (new List<double>(), new List<double>());
        for (var i = -20; i < Times; i++)
        {
            var measurement = new Measurement(TimeProvider.System);
            using var timeout = new CancellationTokenSource(probe.TimeoutMs);
            await prober.ProbeAsync(probe, measurement, timeout.Token);
            var result = measurement.ToResult(probe, 0, ProbeRemarks.None);
            Assert.Equal((Outcome.Up, result.Error), (result.Outcome, result.Error));
            var phase = (stage switch { "resolve" => result.ResolveUs, "tls" => result.TlsUs, "first byte" => result.FirstByteUs, _ => result.TransferUs })!.Value / 1_000.0;
            if (i < 0)
                continue;
            phases.Add(phase);
            errors.Add(phase - truth);
        }
        phases.Sort();
        errors.Sort();
        table.AppendLine(CultureInfo.InvariantCulture, $"| {stage} | {delayMs} | {phases[Times / 2]:F2} | {errors[Times / 2]:F2} | {errors[Times * 99 / 100]:F2} |");
    }

    // The peak is counted anew from here on.
    internal static async Task<long> IdleMemoryAsync()
    {
        GC.Collect();
        await File.WriteAllTextAsync("/proc/self/clear_refs", "5", TestContext.Current.CancellationToken);
        return Memory("VmRSS");
    }

    internal static long PeakMemory() => Memory("VmHWM");

    private static long Memory(string what) =>
        long.Parse(File.ReadLines("/proc/self/status").First(l => l.StartsWith(what, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;

    internal static async Task WriteAsync(string name, StringBuilder table)
    {
        var folder = Directory.CreateDirectory(Path.Combine(AppContext.BaseDirectory, "shows"));
        await File.WriteAllTextAsync(Path.Combine(folder.FullName, name), table.ToString());
        TestContext.Current.TestOutputHelper?.WriteLine(table.ToString());
    }
}
