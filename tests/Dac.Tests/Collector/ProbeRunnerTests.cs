using System.Net;
using System.Net.Sockets;
using Dac.Collector;
using Dac.Collector.Probing;
using Dac.Contracts;
using Dac.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace Dac.Tests.Collector;

public sealed class ProbeRunnerTests
{
    private readonly FakeTimeProvider _time = Clock.At();

    [Fact]
    public async Task A_slot_that_finds_its_place_after_a_pause_is_too_late_for_its_tolerance()
    {
        var options = new CollectorOptions { MaxPerHost = 1 };
        using var limits = new ProbeLimits(Options.Create(options), new ConnectRate(Options.Create(options), _time), _time);
        using var pauses = new PauseWatch(_time);
        var runner = new ProbeRunner(limits, [Probers.Http(options)], pauses, new ConnectionTable(_time, "none"), new ClockOffset(_time), Options.Create(options), _time, NullLogger<ProbeRunner>.Instance);
        var probe = new ProbeUrl { TargetId = 1, ScheduledAtMs = _time.Ms(), Url = TestServer.Closed(), TimeoutMs = 1_000, ToleranceMs = 500 };
        var first = await limits.AcquireAsync(probe, TimeSpan.FromSeconds(1));
        ProbeResult? result = null;
        var run = runner.RunAsync(probe, r => result = r);
        // The process stands still for 30 s; then the place is given back before any timer has had its turn.
        _time.AdjustTime(_time.GetUtcNow().AddSeconds(30));
        first!.Dispose();
        await run;
        Assert.Equal(Outcome.Expired, result!.Outcome);
    }

    [Theory]
    [InlineData(262_144, Outcome.ResourceFault)]
    [InlineData(200_000, Outcome.Timeout)]
    public async Task What_ends_unanswered_while_the_kernels_table_of_connections_is_full_is_no_timeout_of_the_target(int connections, Outcome outcome)
    {
        using var folder = new TempFolder();
        folder.Write("nf_conntrack_max", "262144\n");
        folder.Write("nf_conntrack_count", $"{connections}\n");
        var options = new CollectorOptions();
        using var limits = new ProbeLimits(Options.Create(options), new ConnectRate(Options.Create(options), TimeProvider.System), TimeProvider.System);
        using var pauses = new PauseWatch(TimeProvider.System);
        var runner = new ProbeRunner(
            limits, [Probers.Http(options)], pauses, new ConnectionTable(TimeProvider.System, folder.Path), new ClockOffset(TimeProvider.System), Options.Create(options), TimeProvider.System,
            NullLogger<ProbeRunner>.Instance);
        // It takes connections and never answers.
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var probe = new ProbeUrl { TargetId = 1, ScheduledAtMs = TimeProvider.System.Ms(), Url = $"http://{silent.LocalEndpoint}/", TimeoutMs = 50, ToleranceMs = 5_000 };
        ProbeResult? result = null;
        await runner.RunAsync(probe, r => result = r);
        Assert.Equal(outcome, result!.Outcome);
    }

    [Fact]
    public void Where_there_is_no_table_of_connections_none_is_full()
    {
        using var folder = new TempFolder();
        Assert.False(new ConnectionTable(_time, folder.Path).IsFull);
    }
}
