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
        using var limits = new ProbeLimits(Options.Create(options), new ConnectRate(Options.Create(options), _time));
        using var pauses = new PauseWatch(_time);
        var runner = new ProbeRunner(limits, [Probers.Http(options)], pauses, new ClockOffset(_time), Options.Create(options), _time, NullLogger<ProbeRunner>.Instance);
        var probe = new ProbeUrl { TargetId = 1, ScheduledAtMs = _time.Ms(), Url = TestServer.Closed(), TimeoutMs = 1_000, ToleranceMs = 500 };
        var first = await limits.AcquireAsync(probe, TimeSpan.FromSeconds(1), _time);
        ProbeResult? result = null;
        var run = runner.RunAsync(probe, r => result = r);
        // The process stands still for 30 s; then the place is given back before any timer has had its turn.
        _time.AdjustTime(_time.GetUtcNow().AddSeconds(30));
        first!.Dispose();
        await run;
        Assert.Equal(Outcome.Expired, result!.Outcome);
    }
}
