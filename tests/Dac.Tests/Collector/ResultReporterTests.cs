using Dac.Contracts;
using Dac.Tests.Support;

namespace Dac.Tests.Collector;

/// <summary>What waits to be published, and what finds no room.</summary>
public sealed class ResultReporterTests : IAsyncDisposable
{
    private readonly RunningCollector _collector = new();

    public ValueTask DisposeAsync() => _collector.DisposeAsync();

    [Fact]
    public async Task What_is_waiting_when_the_reporter_stops_is_published_first_without_further_delay()
    {
        _collector.Settings.ReportDelay = TimeSpan.FromMinutes(5);
        await _collector.StartAsync();
        for (var i = 0; i < 600; i++)
            _collector.Reporter.Report(new ProbeResult { TargetId = i, ScheduledAtMs = 0, Outcome = Outcome.Up }, () => { });
        await _collector.Reporter.StopAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        await Until.TrueAsync(() => _collector.Results().Count == 600, "all results");
        // A fourth where a message was taken between the end of one and the beginning of the next.
        Assert.InRange(_collector.Reported.Count, 3, 4);
        Assert.All(_collector.Reported, b => Assert.Equal(("default", "test"), (b.Location, b.Collector)));
    }

    [Fact]
    public async Task What_finds_the_buffer_full_is_counted_and_holds_up_nobody()
    {
        _collector.Settings.ReportBuffer = 1_000;
        // More than there will be: none is sent meanwhile.
        (_collector.Settings.ReportSize, _collector.Settings.ReportDelay) = (5_000, TimeSpan.FromSeconds(5));
        await _collector.StartAsync();
        var ended = 0;
        for (var i = 0; i < 3_000; i++)
            _collector.Reporter.Report(new ProbeResult { TargetId = i, ScheduledAtMs = 0, Outcome = Outcome.Up }, () => Interlocked.Increment(ref ended));
        Assert.Equal((1_000, 2_000), (_collector.Reporter.Waiting, ended));
    }
}
