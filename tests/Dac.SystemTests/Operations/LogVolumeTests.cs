using Dac.Hosting;
using Dac.SystemTests.Distributed;
using Dac.SystemTests.Fixtures;
using Microsoft.EntityFrameworkCore;
using Serilog;
using Serilog.Core;
using Serilog.Events;

namespace Dac.SystemTests.Operations;

/// <summary>What the services write is bounded, whatever goes on.</summary>
public sealed class LogVolumeTests(PostgreSql postgres, RabbitMq rabbit)
{
    [Fact]
    public void Of_one_message_ten_a_minute_pass_and_the_next_minute_says_how_many_did_not()
    {
        var (seen, clock) = (new Seen(), new Clock());
        using var log = new LoggerConfiguration().MinimumLevel.Debug().Filter.With(new LogThrottle(clock)).WriteTo.Sink(seen).CreateLogger();
        for (var i = 0; i < 1_000; i++)
        {
            log.Warning("Trouble {Number}", i);
            log.Debug("Detail {Number}", i);
        }
        log.Warning("Other trouble");
        Assert.Equal(10, seen.Events.Count(e => e.MessageTemplate.Text == "Trouble {Number}"));
        Assert.Equal(1_000, seen.Events.Count(e => e.Level == LogEventLevel.Debug));
        Assert.Single(seen.Events, e => e.MessageTemplate.Text == "Other trouble");

        clock.Ticks += TimeSpan.FromMinutes(1).Ticks;
        log.Warning("Trouble {Number}", 1_000);
        Assert.Equal("990", seen.Events[^1].Properties["Suppressed"].ToString());
        log.Warning("Trouble {Number}", 1_001);
        Assert.False(seen.Events[^1].Properties.ContainsKey("Suppressed"));
    }

    [Fact]
    public async Task Services_write_a_handful_of_lines_however_many_slots_are_undeliverable_or_probed()
    {
        await using var dac = await Deployment.CreateAsync(postgres, rabbit);
        // On mars nobody probes: each batch for it is a warning.
        await dac.SaveTargetsAsync(200, "default", "mars");
        var writer = await dac.StartAsync("Writer");
        var collector = await dac.StartAsync("Collector");
        var scheduler = await dac.StartAsync("Scheduler");
        await dac.WaitForRowsAsync(1_000);
        Assert.True(await dac.QueryAsync(db => db.Results.CountAsync(r => r.Outcome == Contracts.Outcome.Undeliverable, TestContext.Current.CancellationToken)) > 100);
        Assert.All([writer, collector, scheduler], s => Assert.True(s.Output.Split('\n').Length < 60, s.Output));
        Assert.Contains("undeliverable", scheduler.Output, StringComparison.Ordinal);
    }

    private sealed class Clock : TimeProvider
    {
        public long Ticks { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Ticks;
    }

    private sealed class Seen : ILogEventSink
    {
        public List<LogEvent> Events { get; } = [];

        public void Emit(LogEvent logEvent) => Events.Add(logEvent);
    }
}
