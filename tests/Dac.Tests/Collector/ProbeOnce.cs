using System.Diagnostics.CodeAnalysis;
using Dac.Collector;
using Dac.Collector.Probing;
using Dac.Contracts;

namespace Dac.Tests.Collector;

/// <summary>One probe by the prober of the URL's scheme, as the collector does it.</summary>
public static class ProbeOnce
{
    private static readonly Lazy<IProber[]> Default = new(() => [.. Probers.All(new CollectorOptions())]);

    public static async Task<ProbeResult> RunAsync(
        [StringSyntax(StringSyntaxAttribute.Uri)] string url, Func<ProbeUrl, ProbeUrl>? with = null, CollectorOptions? options = null, int timeoutMs = 20_000, ProbeDetails? details = null)
    {
        var probe = new ProbeUrl { TargetId = 1, ScheduledAtMs = 0, Url = url, TimeoutMs = timeoutMs, ToleranceMs = 500 };
        probe = with?.Invoke(probe) ?? probe;
        var measurement = new Measurement(TimeProvider.System) { Details = details };
        using var timeout = new CancellationTokenSource(timeoutMs);
        var probers = options is null ? Default.Value : [.. Probers.All(options)];
        await probers.Single(p => p.Schemes.Contains(new Uri(url).Scheme)).ProbeAsync(probe, measurement, timeout.Token);
        return measurement.ToResult(probe, 0, ProbeRemarks.None);
    }
}
