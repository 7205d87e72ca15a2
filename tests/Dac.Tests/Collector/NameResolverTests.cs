using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Dac.Collector;
using Dac.Collector.Probing;
using Dac.Contracts;
using Dac.Tests.Support;

namespace Dac.Tests.Collector;

/// <summary>Places for lookups, which hold a thread each until the system's resolver answers: here it answers when the test tells it to.</summary>
public sealed class NameResolverTests
{
    private readonly ConcurrentQueue<(string Host, TaskCompletionSource<IPAddress[]> Answer)> _asked = new();
    private readonly NameResolver _resolver;

    public NameResolverTests() => _resolver = new(new EgressGuard(new CollectorOptions()))
    {
        Lookup = (host, _) =>
        {
            if (host == "no.thread")
                throw new OutOfMemoryException("no thread");
            var answer = new TaskCompletionSource<IPAddress[]>(TaskCreationOptions.RunContinuationsAsynchronously);
            _asked.Enqueue((host, answer));
            return answer.Task;
        },
    };

    [Fact]
    public async Task A_domain_whose_name_servers_are_dead_leaves_the_others_their_places()
    {
        using var timeout = new CancellationTokenSource();
        var dead = Enumerable.Range(0, 200).Select(i => ResolveAsync($"h{i}.dead.example", timeout.Token)).ToList();
        Assert.Equal(32, _asked.Count);

        var other = ResolveAsync("www.alive.example", CancellationToken.None);
        _asked.Last().Answer.SetResult([IPAddress.Loopback]);
        Assert.Equal([IPAddress.Loopback], await other);

        // The probes have ended, the threads are held still.
        await timeout.CancelAsync();
        foreach (var probe in dead)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => probe);
        var next = ResolveAsync("next.dead.example", CancellationToken.None);
        Assert.Equal(33, _asked.Count);
        _asked.First().Answer.SetException(new SocketException((int)SocketError.TryAgain));
        await Until.TrueAsync(() => _asked.Count == 34, "the next of the domain is looked up");
        _asked.Last().Answer.SetResult([IPAddress.Loopback]);
        Assert.Equal([IPAddress.Loopback], await next);
    }

    [Fact]
    public async Task A_lookup_for_which_there_is_no_thread_gives_its_place_back()
    {
        for (var i = 0; i < 200; i++)
            await Assert.ThrowsAsync<OutOfMemoryException>(() => ResolveAsync("no.thread", CancellationToken.None));
        var next = ResolveAsync("www.alive.example", CancellationToken.None);
        _asked.Single().Answer.SetResult([IPAddress.Loopback]);
        await next;
    }

    [Fact]
    public async Task A_name_that_is_too_long_for_DNS_does_not_exist()
    {
        var measurement = new Measurement(TimeProvider.System);
        await Assert.ThrowsAsync<SocketException>(() => _resolver.ResolveAsync(string.Join('.', Enumerable.Repeat(new string('a', 60), 5)), null, measurement, CancellationToken.None));
        Assert.Equal(Outcome.NameNotFound, measurement.ToResult(new() { TargetId = 1, ScheduledAtMs = 0, Url = "", TimeoutMs = 1, ToleranceMs = 1 }, 0, ProbeRemarks.None).Outcome);
        Assert.Empty(_asked);
    }

    [Theory]
    [InlineData("a.b.dead.example", "dead.EXAMPLE.")]
    [InlineData("localhost", "localhost")]
    public async Task Names_of_one_domain_share_its_places(string first, string second)
    {
        using var timeout = new CancellationTokenSource();
        var probes = Enumerable.Range(0, 20).SelectMany(_ => new[] { ResolveAsync(first, timeout.Token), ResolveAsync(second, timeout.Token) }).ToList();
        Assert.Equal(32, _asked.Count);
        await timeout.CancelAsync();
        foreach (var probe in probes)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => probe);
    }

    private Task<IPAddress[]> ResolveAsync(string host, CancellationToken timeout) => _resolver.ResolveAsync(host, null, new Measurement(TimeProvider.System), timeout);
}
