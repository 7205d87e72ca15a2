using System.Collections.Concurrent;
using System.Diagnostics;
using Dac.Contracts;
using Dac.Hosting;
using Dac.Tests.Support;
using static Dac.Tests.Collector.RunningCollector;

namespace Dac.Tests.Collector;

/// <summary>From a batch of commands to the batch of results, with the module's own parts, real sockets and MassTransit's harness.</summary>
public sealed class CollectorTests : IAsyncDisposable
{
    private readonly RunningCollector _collector = new();

    public ValueTask DisposeAsync() => _collector.DisposeAsync();

    [Fact]
    public async Task A_slot_is_probed_at_its_millisecond_and_reported()
    {
        var (url, server) = await TestServer.HttpAsync(c => c.Response.WriteAsync("ok"));
        await using var _ = server;
        var slots = await _collector.StartAsync();
        var due = TimeProvider.System.Ms() + 150;
        await slots.AcceptAsync(Batch(Probe(1, due, url)));
        var result = await _collector.OneAsync();
        Assert.Equal((1, due, Outcome.Up), (result.TargetId, result.ScheduledAtMs, result.Outcome));
        Assert.True(result.LatenessUs >= 0, "It never starts early");
        Assert.Equal(0, slots.Count);
    }

    [Fact]
    public async Task Slots_that_come_out_of_order_start_in_order_and_none_early()
    {
        var started = new ConcurrentQueue<string>();
        var (url, server) = await TestServer.HttpAsync(c => { started.Enqueue(c.Request.Path); return c.Response.WriteAsync("ok"); });
        await using var _ = server;
        var slots = await _collector.StartAsync();
        var now = TimeProvider.System.Ms();
        await Task.WhenAll(slots.AcceptAsync(Batch(Probe(3, now + 700, $"{url}/3"))), slots.AcceptAsync(Batch(Probe(1, now + 100, $"{url}/1"), Probe(2, now + 400, $"{url}/2"))));
        Assert.Equal(["/1", "/2", "/3"], started);
        await Until.TrueAsync(() => _collector.Results().Count == 3, "three results");
        Assert.All(_collector.Results(), r => Assert.True(r.LatenessUs >= 0));
    }

    [Fact]
    public async Task What_a_stop_left_overdue_is_spread_and_all_of_it_starts()
    {
        var slots = await _collector.StartAsync();
        var (now, url) = (TimeProvider.System.Ms(), TestServer.Closed());
        await slots.AcceptAsync(Batch([.. Enumerable.Range(0, 90).Select(i => Probe(i, now - i, url))]));
        await Until.TrueAsync(() => _collector.Results().Count == 90, "a result of each");
        Assert.All(_collector.Results(), r => Assert.Equal(Outcome.ConnectFailed, r.Outcome));
    }

    [Fact]
    public async Task A_secret_that_takes_its_time_to_be_read_holds_up_no_other_slot()
    {
        // Whoever opens a pipe to read waits for one who writes.
        using var folder = new TempFolder();
        var pipe = folder.File("slow");
        using (var mkfifo = Process.Start("mkfifo", [pipe]))
            await mkfifo.WaitForExitAsync(TestContext.Current.CancellationToken);
        _collector.Settings.SecretsDirectory = folder.Path;
        var (url, server) = await TestServer.HttpAsync(c => c.Response.WriteAsync("ok"));
        await using var _ = server;
        var slots = await _collector.StartAsync();
        var due = TimeProvider.System.Ms() + 50;
        // What has not run before takes longer than a thread gives itself for starts.
        await slots.AcceptAsync(Batch([.. Enumerable.Range(0, 10).Select(i => Probe(0, due + 10 * i, url))]));
        due = TimeProvider.System.Ms() + 50;
        var slow = Probe(1, due, url) with { Http = new() { Bearer = "file:slow" }, TimeoutMs = 30_000, ToleranceMs = 30_000 };
        var accepted = slots.AcceptAsync(Batch(slow, Probe(2, due + 50, url)));
        try
        {
            await Until.TrueAsync(() => _collector.Results().Any(r => r.TargetId == 2), "the other slot's result");
            Assert.DoesNotContain(_collector.Results(), r => r.TargetId == 1);
        }
        finally
        {
            // Who may read as well waits for nobody.
            await using var writer = new FileStream(pipe, FileMode.Open, FileAccess.ReadWrite);
            await writer.WriteAsync("token"u8.ToArray(), CancellationToken.None);
        }
        await accepted;
        await Until.TrueAsync(() => _collector.Results().Count == 12, "a result of each");
        Assert.All(_collector.Results(), r => Assert.Equal(Outcome.Up, r.Outcome));
    }

    [Fact]
    public async Task A_slot_whose_tolerance_is_over_is_missed_and_not_probed()
    {
        var probed = false;
        var (url, server) = await TestServer.HttpAsync(c => { probed = true; return Task.CompletedTask; });
        await using var _ = server;
        var slots = await _collector.StartAsync();
        await slots.AcceptAsync(Batch(Probe(1, TimeProvider.System.Ms() - 2_000, url)));
        Assert.Equal(Outcome.Expired, (await _collector.OneAsync()).Outcome);
        Assert.False(probed);
    }

    [Fact]
    public async Task A_slot_too_far_ahead_of_the_clock_is_missed_instead_of_held()
    {
        var slots = await _collector.StartAsync();
        await slots.AcceptAsync(Batch(Probe(1, TimeProvider.System.Ms() + 60_000, "http://127.0.0.1:9/")));
        Assert.Equal(Outcome.Clock, (await _collector.OneAsync()).Outcome);
    }

    [Fact]
    public async Task A_slot_delivered_twice_is_probed_once_and_both_deliveries_end()
    {
        var requests = 0;
        var (url, server) = await TestServer.HttpAsync(c => { Interlocked.Increment(ref requests); return c.Response.WriteAsync("ok"); });
        await using var _ = server;
        var slots = await _collector.StartAsync();
        var batch = Batch(Probe(1, TimeProvider.System.Ms() + 200, url));
        await Task.WhenAll(slots.AcceptAsync(batch), slots.AcceptAsync(batch));
        Assert.Equal(1, requests);
        await _collector.OneAsync();
    }

    [Trait("slow", "yes")]
    [Fact]
    public async Task A_batch_with_a_hanging_target_may_be_acknowledged_once_nothing_of_it_could_be_probed_again()
    {
        var (url, server) = TestServer.Silent();
        using var _ = server;
        var slots = await _collector.StartAsync();
        var now = TimeProvider.System.Ms();
        var since = Stopwatch.GetTimestamp();
        await slots.AcceptAsync(new ProbeBatch { Location = "default", Partition = 0, Partitions = 16, WindowStartMs = now, Probes = [Probe(1, now + 50, url) with { TimeoutMs = 4_000 }] });
        Assert.InRange(Stopwatch.GetElapsedTime(since).TotalSeconds, 1.4, 3.9);
        Assert.Equal(1, slots.Count);
        await Until.TrueAsync(() => _collector.Results().Any(r => r.Outcome == Outcome.Timeout), "the result all the same");
    }

    [Trait("slow", "yes")]
    [Fact]
    public async Task A_host_at_its_limit_costs_its_own_slots_and_no_others()
    {
        _collector.Settings.MaxPerHost = 2;
        var (dead, server) = TestServer.Silent();
        using var _ = server;
        var (url, healthy) = await TestServer.HttpAsync(c => c.Response.WriteAsync("ok"));
        await using var __ = healthy;
        var slots = await _collector.StartAsync();
        var due = TimeProvider.System.Ms() + 50;
        await slots.AcceptAsync(Batch([.. Enumerable.Range(1, 5).Select(i => Probe(i, due, dead) with { TimeoutMs = 3_000 }), Probe(9, due + 1, url)]));
        await Until.TrueAsync(() => _collector.Results().Count == 6, "six results");
        Assert.Equal(3, _collector.Results().Count(r => r.Outcome == Outcome.Expired));
        Assert.Equal(2, _collector.Results().Count(r => r.Outcome == Outcome.Timeout));
        Assert.Equal(Outcome.Up, _collector.Results().Single(r => r.TargetId == 9).Outcome);
    }

    [Fact]
    public async Task A_collector_at_its_limit_flags_what_it_measures()
    {
        _collector.Settings.MaxConcurrency = 1;
        var (url, server) = await TestServer.HttpAsync(c => c.Response.WriteAsync("ok"));
        await using var _ = server;
        var slots = await _collector.StartAsync();
        await slots.AcceptAsync(Batch(Probe(1, TimeProvider.System.Ms(), url)));
        Assert.True((await _collector.OneAsync()).Flags.HasFlag(ProbeRemarks.Saturated));
    }

    [Fact]
    public async Task A_scheme_without_a_prober_is_an_outcome()
    {
        var slots = await _collector.StartAsync();
        await slots.AcceptAsync(Batch(Probe(1, TimeProvider.System.Ms(), "gopher://127.0.0.1/")));
        var result = await _collector.OneAsync();
        Assert.Equal((Outcome.Unprobeable, "no prober for the scheme 'gopher'"), (result.Outcome, result.Error));
    }

    [Fact]
    public async Task A_collector_that_counts_partitions_differently_is_not_ready()
    {
        var slots = await _collector.StartAsync();
        await slots.AcceptAsync(Batch(Probe(1, TimeProvider.System.Ms() - 5_000, "http://127.0.0.1:9/")) with { Partitions = 32 });
        var health = await slots.CheckHealthAsync(new());
        Assert.Contains("set it to 32", health.Description, StringComparison.Ordinal);
    }

    [Trait("slow", "yes")]
    [Fact]
    public async Task A_timeout_that_is_used_again_ends_no_probe_but_its_own()
    {
        var (url, server) = await TestServer.HttpAsync(async c =>
        {
            if (c.Request.Path == "/slow")
                await Task.Delay(TimeSpan.FromMilliseconds(1_200), c.RequestAborted);
        });
        var (silent, other) = TestServer.Silent();
        await using var _ = server;
        using var __ = other;
        var slots = await _collector.StartAsync();
        foreach (var (id, address, timeout) in new[] { (1, url, 1_000), (2, $"{url}/slow", 5_000), (3, silent, 1_000), (4, url, 1_000), (5, $"{url}/slow", 5_000) })
        {
            await slots.AcceptAsync(Batch(Probe(id, TimeProvider.System.Ms(), address) with { TimeoutMs = timeout, ToleranceMs = 10_000 }));
            await Until.TrueAsync(() => _collector.Results().Count == id, $"result {id}");
        }
        Assert.Equal([Outcome.Up, Outcome.Up, Outcome.Timeout, Outcome.Up, Outcome.Up], _collector.Results().OrderBy(r => r.TargetId).Select(r => r.Outcome));
    }

    [Trait("slow", "yes")]
    [Fact]
    public async Task A_stop_waits_for_a_probe_that_has_outlived_its_batch()
    {
        var (url, server) = TestServer.Silent();
        using var _ = server;
        var slots = await _collector.StartAsync();
        var now = TimeProvider.System.Ms();
        await slots.AcceptAsync(new ProbeBatch { Location = "default", Partition = 0, Partitions = 16, WindowStartMs = now, Probes = [Probe(1, now, url) with { TimeoutMs = 3_000 }] });
        Assert.Empty(_collector.Results());
        await slots.StopAsync(TestContext.Current.CancellationToken);
        await _collector.Reporter.StopAsync(TestContext.Current.CancellationToken);
        Assert.Equal(Outcome.Timeout, (await _collector.OneAsync()).Outcome);
    }

    [Fact]
    public async Task A_trace_goes_on_from_the_plan_to_the_result()
    {
        using var listener = new ActivityListener { ShouldListenTo = s => s.Name == Telemetry.Name, Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded };
        ActivitySource.AddActivityListener(listener);
        var slots = await _collector.StartAsync();
        const string Plan = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        await slots.AcceptAsync(Batch(Probe(1, TimeProvider.System.Ms(), TestServer.Closed()) with { TraceParent = Plan }));
        var result = await _collector.OneAsync();
        Assert.StartsWith(Plan[..36], result.TraceParent, StringComparison.Ordinal);
        Assert.NotEqual(Plan, result.TraceParent);
    }

    [Fact]
    public async Task A_probe_that_a_pause_of_the_process_has_overlapped_says_nothing_of_its_target()
    {
        var asked = new TaskCompletionSource();
        var (url, server) = await TestServer.HttpAsync(async c =>
        {
            asked.TrySetResult();
            await Task.Delay(Timeout.Infinite, c.RequestAborted);
        });
        await using var _ = server;
        var slots = await _collector.StartAsync();
        await _collector.Pauses.StartAsync(CancellationToken.None);
        var accepting = slots.AcceptAsync(Batch(Probe(1, TimeProvider.System.Ms(), url)));
        await asked.Task.WaitAsync(TestContext.Current.CancellationToken);
        _collector.Beats.Advance(TimeSpan.FromSeconds(3));

        var result = await _collector.OneAsync();

        Assert.Equal((Outcome.PausedFault, "the collector stood still for 3000 ms while it probed"), (result.Outcome, result.Error));
        await accepting;
    }

    [Fact]
    public async Task A_clock_that_is_off_is_measured_reported_and_flagged()
    {
        var (url, server) = await TestServer.HttpAsync(c => c.Response.WriteAsync("ok"));
        await using var _ = server;
        var slots = await _collector.StartAsync();
        await slots.AcceptAsync(Batch(Probe(1, TimeProvider.System.Ms(), url)) with { SentAtMs = TimeProvider.System.Ms() + 5_000 });

        var result = await _collector.OneAsync();

        Assert.True(result.Flags.HasFlag(ProbeRemarks.ClockOff));
        Assert.InRange(Assert.Single(_collector.Reported).ClockOffsetMs!.Value, -5_000, -1_000);
    }
}
