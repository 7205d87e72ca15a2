using System.Globalization;
using System.Net.Sockets;
using Dac.Hosting;
using MassTransit;
using RabbitMQ.Client.Exceptions;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting.Display;

namespace Dac.Tests.Hosting;

public sealed class LogCauseTests
{
    [Fact]
    public void Of_a_broker_that_cannot_be_reached_the_console_says_why_in_one_line()
    {
        var refused = new BrokerUnreachableException(new AggregateException(new SocketException((int)SocketError.ConnectionRefused)));
        Assert.Equal("Connection Failed: Connection refused|", Written(refused));
        Assert.Equal("Connection Failed: Connection refused|", Written(new RabbitMqConnectionException("Broker unreachable", refused)));
    }

    [Fact]
    public void Of_any_other_exception_it_shows_the_trace()
    {
        var bug = new InvalidOperationException("a bug");
        Assert.StartsWith("Connection Failed|System.InvalidOperationException: a bug", Written(bug), StringComparison.Ordinal);
        Assert.Contains("System.InvalidOperationException: a bug", Written(new RabbitMqConnectionException("wrapped", bug)), StringComparison.Ordinal);
    }

    [Fact]
    public void Where_there_is_none_it_adds_nothing() => Assert.Equal("Connection Failed|", Written(null));

    private static string Written(Exception? exception)
    {
        var written = "";
        using (var log = new LoggerConfiguration().Enrich.With<LogCause>().WriteTo.Sink(new Console(e => written = e)).CreateLogger())
            log.Warning(exception, "Connection Failed");
        return written.TrimEnd();
    }

    private sealed class Console(Action<string> write) : ILogEventSink
    {
        private readonly MessageTemplateTextFormatter _text = new("{Message:lj}{ExceptionCause:l}|{ExceptionTrace:l}", CultureInfo.InvariantCulture);

        public void Emit(LogEvent logEvent)
        {
            using var text = new StringWriter();
            _text.Format(logEvent, text);
            write(text.ToString());
        }
    }
}
