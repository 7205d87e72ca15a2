using System.Buffers;
using Dac.Collector.Probing;
using Dac.Contracts;
using Dac.Targets;
using Microsoft.Extensions.Options;

namespace Dac.Collector;

/// <summary>
/// Places for probes, of this replica alone: so many per host and port, so many in all, and so many starts per second and host. A host that is probed from
/// n replicas sees up to n times its limit. The host's comes first, so that a host that hangs takes no more of the places
/// of all than its own share. Who waits longest is served first; how many wait is bounded by what the collector holds, and how long by their tolerance.
/// </summary>
public sealed class ProbeLimits(IOptions<CollectorOptions> options, ConnectRate rate, TimeProvider time) : IDisposable
{
    // Of host names, IPv4 addresses and ports.
    private static readonly SearchValues<char> Plain = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:");

    private readonly KeyedPlaces<Places> _hosts = new(() => new Places(options.Value.MaxPerHost, time));
    private readonly Places _overall = new(options.Value.MaxConcurrency, time);

    /// <summary>Takes a place, waiting for it at most until <paramref name="patience"/> is over; null where there was none by then.</summary>
    public async ValueTask<Place?> AcquireAsync(ProbeUrl probe, TimeSpan patience)
    {
        var deadline = time.GetTimestamp() + (long)(patience.TotalSeconds * time.TimestampFrequency);
        if (rate.Next(probe.Url, patience) is not { } wait)
            return null;
        if (wait > TimeSpan.Zero)
            await Task.Delay(wait, time);
        var host = _hosts.Enter(Key(probe.Url));
        if (await host.Places.TakeAsync(deadline))
        {
            if (await _overall.TakeAsync(deadline))
                return new Place(this, host);
            host.Places.Free();
        }
        _hosts.Leave(host);
        return null;
    }

    /// <inheritdoc/>
    public void Dispose() => _overall.Dispose();

    /// <summary>Host and port of a URL, as <see cref="Uri"/> has them; for plain ones without the price of it.</summary>
    internal static string Key(string url)
    {
        var scheme = url.IndexOf("://", StringComparison.Ordinal);
        if (scheme > 0)
        {
            var rest = url.AsSpan(scheme + 3);
            var end = rest.IndexOfAny('/', '?', '#');
            var authority = end < 0 ? rest : rest[..end];
            if (!authority.ContainsAnyExcept(Plain))
                return authority.Contains(':') ? authority.ToString() : $"{authority}:{UrlScheme.Port(url[..scheme])}";
        }
        return Uri.TryCreate(url, UriKind.Absolute, out var uri) ? $"{uri.IdnHost}:{UrlScheme.Port(uri)}" : url;
    }

    private void Free(KeyedPlaces<Places>.Entry host)
    {
        _overall.Free();
        host.Places.Free();
        _hosts.Leave(host);
    }

    /// <summary>A place under the limits, until it is disposed.</summary>
    public sealed class Place : IDisposable
    {
        private readonly ProbeLimits _limits;
        private readonly KeyedPlaces<Places>.Entry _host;

        internal Place(ProbeLimits limits, KeyedPlaces<Places>.Entry host) => (_limits, _host) = (limits, host);

        /// <inheritdoc/>
        public void Dispose() => _limits.Free(_host);
    }
}
