using System.Diagnostics;
using Dac.Collector;
using Dac.Collector.Probing;
using Dac.Contracts;

namespace Dac.Tests.Collector.Hostile;

/// <summary>Whatever a server does, a probe of it ends in the right outcome, in its time.</summary>
public sealed class HttpHostileTests
{
    public static TheoryData<string> Names => [.. HttpBehaviours.All.Select(b => b.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_hostile_server_gets_its_outcome_within_the_timeout(string name)
    {
        var behaviour = HttpBehaviours.All.Single(b => b.Name == name);
        var timeoutMs = behaviour.Outcome == Outcome.Timeout ? 400 : 15_000;
        await using var server = behaviour.Start();
        using var prober = (HttpProber)Probers.Http(new CollectorOptions());
        var since = Stopwatch.GetTimestamp();
        var result = await ProbeAsync(prober, behaviour, server, timeoutMs);
        Assert.True(result.Outcome == behaviour.Outcome || result.Outcome == behaviour.Or, $"{result.Outcome}: {result.Error}");
        Assert.True(behaviour.Outcome == Outcome.Up || result.Error is { Length: > 0 });
        // A loaded machine may need long for its own part: what must not happen is that it hangs.
        Assert.InRange(Stopwatch.GetElapsedTime(since).TotalMilliseconds, 0, timeoutMs + 5_000);
    }

    internal static async Task<ProbeResult> ProbeAsync(IProber prober, HttpBehaviour behaviour, HostileServer server, int timeoutMs)
    {
        var probe = new ProbeUrl
        {
            TargetId = 1, ScheduledAtMs = 0, Url = $"{behaviour.Scheme}://{behaviour.Host}:{server.Port}/", TimeoutMs = timeoutMs, ToleranceMs = 500, Regex = behaviour.Regex, Http = behaviour.Http,
        };
        var measurement = new Measurement(TimeProvider.System);
        using var timeout = new CancellationTokenSource(timeoutMs);
        await prober.ProbeAsync(probe, measurement, timeout.Token);
        return measurement.ToResult(probe, 0, ProbeRemarks.None);
    }
}
