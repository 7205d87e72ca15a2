using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using Dac.Faults.Proof;

namespace Dac.Faults.Cluster;

/// <summary>What is probed: 20 hosts on loopback, with paths that always behave in the same way, and a log of every request.</summary>
public sealed class TargetServer : IAsyncDisposable
{
    public const int Hosts = 20;

    /// <summary>A port that nobody listens to.</summary>
    private const int RefusingPort = 9;

    /// <summary>Gaps between beats from which on this process counts as starved.</summary>
    private static readonly TimeSpan StallAfter = TimeSpan.FromMilliseconds(300);

    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(50);

    private readonly ConcurrentQueue<(string Key, double AtMs)> _requests = new();
    private readonly ConcurrentQueue<Stall> _stalls = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly WebApplication _server;
    private Task _beating = Task.CompletedTask;

    public TargetServer()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            for (byte host = 1; host <= Hosts; host++)
                kestrel.Listen(new IPAddress([127, 0, 0, host]), 0);
        });
        _server = builder.Build();
        _server.Run(AnswerAsync);
    }

    public IReadOnlyList<Stall> Stalls => [.. _stalls];

    /// <summary>Number of requests so far.</summary>
    public int Count => _requests.Count;

    public async Task StartAsync()
    {
        await _server.StartAsync();
        _beating = Task.Factory.StartNew(BeatUntilStopped, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Where a target is; the path carries its key.</summary>
    public string Url(Behaviour behaviour, int host, string key) => behaviour == Behaviour.Refuses
        ? $"http://127.0.0.{host + 1}:{RefusingPort}/{behaviour}/{key}"
        : $"{_server.Urls.ElementAt(host)}/{behaviour}/{key}";

    /// <summary>The requests by key and time of arrival, Unix ms.</summary>
    public IEnumerable<(string Key, double AtMs)> Requests => _requests;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _beating;
        await _server.DisposeAsync();
        _stop.Dispose();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var arrived = (TimeProvider.System.GetUtcNow() - DateTimeOffset.UnixEpoch).TotalMilliseconds;
        var parts = (context.Request.Path.Value ?? "").Split('/');
        if (parts.Length != 3)
            return;
        _requests.Enqueue((parts[2], arrived));
        switch (Enum.Parse<Behaviour>(parts[1]))
        {
            case Behaviour.Fails:
                context.Response.StatusCode = StatusCodes.Status500InternalServerError;
                break;
            case Behaviour.Hangs:
                await Task.Delay(Timeout.Infinite, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                break;
            case Behaviour.Slow:
                await Task.Delay(TimeSpan.FromMilliseconds(300), context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                await context.Response.WriteAsync("status: OK");
                break;
            default:
                await context.Response.WriteAsync("status: OK");
                break;
        }
    }

    private void BeatUntilStopped()
    {
        var last = Stopwatch.GetTimestamp();
        while (!_stop.Token.WaitHandle.WaitOne(Beat))
        {
            var gap = Stopwatch.GetElapsedTime(last);
            last = Stopwatch.GetTimestamp();
            if (gap > StallAfter)
                _stalls.Enqueue(new Stall(Clock.NowMs - (long)gap.TotalMilliseconds, Clock.NowMs));
        }
    }
}
