using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Dac.Collector.Probing;

/// <summary>
/// Threads for the system's resolver, which on Linux holds one until it answers. Not the pool's: it would need as many in reserve, and would set them all to work
/// whenever many slots are due at once, to stand in each other's way. As many as there were lookups at once; they are kept.
/// </summary>
internal static class LookupThreads
{
    private static readonly BlockingCollection<Lookup> Waiting = [];

    /// <summary>Threads that are free, less lookups that wait for one.</summary>
    private static int _free;

    /// <summary>Asks the system's resolver; can't be cancelled.</summary>
    public static Task<IPAddress[]> AddressesAsync(string host, AddressFamily family)
    {
        var lookup = new Lookup(host, family);
        if (Interlocked.Decrement(ref _free) < 0)
        {
            Interlocked.Increment(ref _free);
            new Thread(Run) { IsBackground = true, Name = "lookup" }.Start();
        }
        Waiting.Add(lookup);
        return lookup.Answer.Task;
    }

    private static void Run()
    {
        while (true)
        {
            var lookup = Waiting.Take();
            try
            {
                lookup.Answer.SetResult(Dns.GetHostAddresses(lookup.Host, lookup.Family));
            }
            // Whatever it is, it is the answer.
            catch (Exception e)
            {
                lookup.Answer.SetException(e);
            }
            Interlocked.Increment(ref _free);
        }
    }

    private sealed record Lookup(string Host, AddressFamily Family)
    {
        public TaskCompletionSource<IPAddress[]> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
