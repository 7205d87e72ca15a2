using System.Net.Sockets;
using MassTransit;
using RabbitMQ.Client.Exceptions;
using Serilog.Core;
using Serilog.Events;

namespace Dac.Hosting;

/// <summary>
/// What the console shows of an exception: of a broker that can't be reached the innermost reason, on the line of the message (<c>ExceptionCause</c>), since its trace is the
/// same each time and no bug; of all others the trace (<c>ExceptionTrace</c>). Seq gets the exception itself.
/// </summary>
internal sealed class LogCause : ILogEventEnricher
{
    public void Enrich(LogEvent logEvent, ILogEventPropertyFactory propertyFactory)
    {
        if (logEvent.Exception is not { } exception)
            return;
        var cause = exception.GetBaseException();
        // What a bug threw may come wrapped as a fault of the connection.
        var isBroker = exception is RabbitMqConnectionException or BrokerUnreachableException or RabbitMQClientException
            && cause is SocketException or IOException or TimeoutException or RabbitMQClientException;
        logEvent.AddOrUpdateProperty(isBroker
            ? new LogEventProperty("ExceptionCause", new ScalarValue($": {cause.Message}"))
            : new LogEventProperty("ExceptionTrace", new ScalarValue($"{exception}{Environment.NewLine}")));
    }
}
