using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Dac.Contracts;
using Dac.Targets;
using DnsClient;

namespace Dac.Collector.Probing;

/// <summary>From a name to addresses: by the system's resolver, or by the name server that a target gives.</summary>
#pragma warning disable CA1001 // its semaphore is never waited on by a handle, and given back by threads that outlive whoever would dispose it
public sealed class NameResolver(EgressGuard guard)
#pragma warning restore CA1001
{
    /// <summary>Names looked up at once: each holds a thread until the resolver answers, and can't be cancelled.</summary>
    private const int MaxLookups = 128;

    private const int MaxName = 253;

    /// <summary>Of these under one domain: one whose name servers are dead must leave the others theirs.</summary>
    private const int MaxLookupsPerDomain = 32;

    // Each is a few kB.
    private const int MaxServers = 1_000;

    private readonly SemaphoreSlim _lookups = new(MaxLookups);
    private readonly KeyedPlaces<SemaphoreSlim> _domains = new(() => new SemaphoreSlim(MaxLookupsPerDomain));
    private readonly ConcurrentDictionary<string, LookupClient> _servers = new(StringComparer.Ordinal);

    /// <summary>Asks the system. A test puts another in its place, that answers when it is told to.</summary>
    internal Func<string, AddressFamily, Task<IPAddress[]>> Lookup { get; init; } = LookupThreads.AddressesAsync;

    /// <summary>All addresses of a name, in the order of preference. A name without address, or a resolver without answer, is written down as such.</summary>
    /// <exception cref="SocketException">There is no address: the reason stands in the measurement.</exception>
    public async Task<IPAddress[]> ResolveAsync(string host, NetworkOptions? options, Measurement measurement, CancellationToken timeout)
    {
        measurement.Resolving = true;
        try
        {
            // RFC 1035, 2.3.4; the system's resolver takes a longer one for a bug of its caller.
            if (host.AsSpan().TrimEnd('.').Length > MaxName)
                throw new SocketException((int)SocketError.HostNotFound);
            var addresses = options?.Resolver is { } server ? await AskAsync(server, host, options, timeout) : await SystemAsync(host, Family(options), timeout);
            if (addresses.Length == 0)
                throw new SocketException((int)SocketError.NoData);
            measurement.Resolving = false;
            return options?.IpVersion switch
            {
                "prefer4" => [.. addresses.OrderBy(a => a.AddressFamily == AddressFamily.InterNetwork ? 0 : 1)],
                "prefer6" => [.. addresses.OrderBy(a => a.AddressFamily == AddressFamily.InterNetworkV6 ? 0 : 1)],
                _ => addresses,
            };
        }
        catch (SocketException e)
        {
            measurement.Resolving = false;
            var (outcome, error) = e.SocketErrorCode == SocketError.AccessDenied
                ? (Outcome.Denied, $"{options?.Resolver} is a name server that this collector may not ask (Collector:DeniedNetworks)")
                : ProbeFailure.Resolving(e, options?.IpVersion is "4" or "6" ? $"{host} (IPv{options.IpVersion})" : host);
            measurement.Fail(outcome, error);
            throw;
        }
    }

    private static AddressFamily Family(NetworkOptions? options) => options?.IpVersion switch
    {
        "4" => AddressFamily.InterNetwork,
        "6" => AddressFamily.InterNetworkV6,
        _ => AddressFamily.Unspecified,
    };

    // The last two labels: in most cases what has name servers of its own.
    private static string Domain(string host)
    {
        var name = host.AsSpan().TrimEnd('.');
        var last = name.LastIndexOf('.');
        return last < 0 ? host : name[(name[..last].LastIndexOf('.') + 1)..].ToString();
    }

    private async Task<IPAddress[]> SystemAsync(string host, AddressFamily family, CancellationToken timeout)
    {
        var turn = new Turn(this, Domain(host));
        Task<IPAddress[]> lookup;
        try
        {
            await turn.TakeAsync(timeout);
            lookup = Lookup(host, family);
        }
        catch
        {
            turn.Dispose();
            throw;
        }
        // The places are the thread's: they are given back when the resolver has answered, however long ago the probe has ended.
        _ = lookup.ContinueWith(l => { _ = l.Exception; turn.Dispose(); }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return await lookup.WaitAsync(timeout);
    }

    private async Task<IPAddress[]> AskAsync(string server, string host, NetworkOptions options, CancellationToken timeout)
    {
        var client = Server(server);
        try
        {
            var answers = await Task.WhenAll(Types(options).Select(type => client.QueryAsync(host, type, QueryClass.IN, timeout)));
            var addresses = answers.SelectMany(a => a.Answers.AddressRecords()).Select(r => r.Address).ToArray();
            // No such name is an answer; SERVFAIL or REFUSED is none.
            return addresses.Length > 0 || answers.All(a => a.Header.ResponseCode is DnsHeaderResponseCode.NoError or DnsHeaderResponseCode.NotExistentDomain)
                ? addresses
                : throw new SocketException((int)SocketError.TryAgain, $"{server} answers {answers.First(a => a.HasError).Header.ResponseCode}");
        }
        catch (DnsResponseException e)
        {
            throw new SocketException((int)SocketError.TryAgain, $"{server}: {e.Message}");
        }
    }

    private static QueryType[] Types(NetworkOptions options) => options.IpVersion switch
    {
        "4" => [QueryType.A],
        "6" => [QueryType.AAAA],
        _ => [QueryType.A, QueryType.AAAA],
    };

    private static IPEndPoint Parse(string server) =>
        NameServerAddress.TryParse(server, out var endPoint) ? endPoint : throw new SocketException((int)SocketError.TryAgain, $"'{server}' is not an address of a name server");

    private LookupClient Server(string server)
    {
        var endPoint = Parse(server);
        if (guard.Denies(endPoint.Address, endPoint.Port))
            throw new SocketException((int)SocketError.AccessDenied);
        if (_servers.TryGetValue(server, out var client))
            return client;
        if (_servers.Count >= MaxServers)
            _servers.Clear();
        // A lost datagram is sent again after 2 s; the probe's own timeout ends it.
        return _servers[server] = new LookupClient(new LookupClientOptions(endPoint)
        {
            UseCache = false,
            Timeout = TimeSpan.FromSeconds(2),
            Retries = 30,
            ThrowDnsErrors = false,
            ContinueOnDnsError = false,
            ContinueOnEmptyResponse = false,
        });
    }

    /// <summary>A place of its domain's, and one of all.</summary>
    private sealed class Turn(NameResolver resolver, string domain) : IDisposable
    {
        private readonly KeyedPlaces<SemaphoreSlim>.Entry _domain = resolver._domains.Enter(domain);
        private bool _mine;
        private bool _all;

        public async Task TakeAsync(CancellationToken timeout)
        {
            await _domain.Places.WaitAsync(timeout);
            _mine = true;
            await resolver._lookups.WaitAsync(timeout);
            _all = true;
        }

        public void Dispose()
        {
            if (_all)
                resolver._lookups.Release();
            if (_mine)
                _domain.Places.Release();
            resolver._domains.Leave(_domain);
        }
    }
}
