using Dac.Hosting;
using Microsoft.Extensions.Time.Testing;
using Serilog;
using Serilog.Core;
using Serilog.Events;

namespace Dac.Tests.Hosting;

public sealed class LogThrottleTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly Seen _seen = new();

    [Fact]
    public void Of_one_message_ten_a_minute_pass_and_the_next_minute_says_how_many_did_not()
    {
        using var log = Logger();
        for (var i = 0; i < 1_000; i++)
            log.Warning("Trouble {Number}", i);
        log.Warning("Other trouble");
        Assert.Equal(10, _seen.Events.Count(e => e.MessageTemplate.Text == "Trouble {Number}"));
        Assert.Single(_seen.Events, e => e.MessageTemplate.Text == "Other trouble");

        _time.Advance(TimeSpan.FromMinutes(1));
        log.Warning("Trouble {Number}", 1_000);
        Assert.Equal("990", _seen.Events[^1].Properties["Suppressed"].ToString());
        log.Warning("Trouble {Number}", 1_001);
        Assert.False(_seen.Events[^1].Properties.ContainsKey("Suppressed"));
    }

    [Fact]
    public void What_is_asked_for_in_detail_passes()
    {
        using var log = Logger();
        for (var i = 0; i < 1_000; i++)
            log.Debug("Detail {Number}", i);
        Assert.Equal(1_000, _seen.Events.Count);
    }

    private Logger Logger() => new LoggerConfiguration().MinimumLevel.Debug().Filter.With(new LogThrottle(_time)).WriteTo.Sink(_seen).CreateLogger();

    private sealed class Seen : ILogEventSink
    {
        public List<LogEvent> Events { get; } = [];

        public void Emit(LogEvent logEvent) => Events.Add(logEvent);
    }
}
