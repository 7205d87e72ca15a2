using System.Threading.RateLimiting;
using Dac.Collector.Probing;
using Dac.Contracts;
using Dac.Targets;
using Microsoft.Extensions.Options;

namespace Dac.Collector;

/// <summary>
/// Places for probes, of this replica alone: so many per host and port, so many in all, and so many starts per second and host. A host that is probed from
/// n replicas sees up to n times its limit. The host's comes first, so that a host that hangs takes no more of the places
/// of all than its own share.
/// </summary>
public sealed class ProbeLimits : IDisposable
{
    private readonly PartitionedRateLimiter<ProbeUrl> _perHost;
    private readonly PartitionedRateLimiter<ProbeUrl> _overall;
    private readonly PartitionedRateLimiter<ProbeUrl> _limits;

    private readonly ConnectRate _rate;

    public ProbeLimits(IOptions<CollectorOptions> options, ConnectRate rate)
    {
        _rate = rate;
        var (perHost, overall) = (options.Value.MaxPerHost, options.Value.MaxConcurrency);
        // A queue holds what waits out its tolerance; what finds it full could not be started in time either.
        _perHost = PartitionedRateLimiter.Create<ProbeUrl, string>(probe => RateLimitPartition.GetConcurrencyLimiter(
            Host(probe.Url), _ => new ConcurrencyLimiterOptions { PermitLimit = perHost, QueueLimit = 100_000, QueueProcessingOrder = QueueProcessingOrder.OldestFirst }));
        _overall = PartitionedRateLimiter.Create<ProbeUrl, int>(_ => RateLimitPartition.GetConcurrencyLimiter(
            0, _ => new ConcurrencyLimiterOptions { PermitLimit = overall, QueueLimit = 100_000, QueueProcessingOrder = QueueProcessingOrder.OldestFirst }));
        _limits = PartitionedRateLimiter.CreateChained(_perHost, _overall);
    }

    /// <summary>Takes a place, waiting for it at most until <paramref name="patience"/> is over; null where there was none by then.</summary>
    public async ValueTask<RateLimitLease?> AcquireAsync(ProbeUrl probe, TimeSpan patience, TimeProvider time)
    {
        if (_rate.Next(probe.Url, patience) is not { } wait)
            return null;
        if (wait > TimeSpan.Zero)
        {
            await Task.Delay(wait, time);
            patience -= wait;
        }
        var lease = _limits.AttemptAcquire(probe);
        if (lease.IsAcquired)
            return lease;
        lease.Dispose();
        using var limit = new CancellationTokenSource(patience, time);
        try
        {
            lease = await _limits.AcquireAsync(probe, 1, limit.Token);
            if (lease.IsAcquired)
                return lease;
            lease.Dispose();
        }
        catch (OperationCanceledException)
        {
            // Waited in vain.
        }
        return null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _limits.Dispose();
        _perHost.Dispose();
        _overall.Dispose();
    }

    private static string Host(string url) => Uri.TryCreate(url, UriKind.Absolute, out var uri) ? $"{uri.IdnHost}:{UrlScheme.Port(uri)}" : url;
}
