using System.Net.Sockets;
using System.Security.Authentication;
using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>What an exception says of the target, or of the observer.</summary>
internal static class ProbeFailure
{
    /// <summary>Writes down what an exception of a probe says; false for one that is a bug.</summary>
    public static bool Note(Exception e, ProbeUrl probe, Measurement measurement, CancellationToken timeout)
    {
        if (timeout.IsCancellationRequested && measurement.Resolving)
            measurement.Fail(Outcome.ResolverFault, $"the resolver did not answer within {probe.TimeoutMs} ms");
        else if (Explain(e, timeout.IsCancellationRequested, probe.TimeoutMs) is var (outcome, error))
            measurement.Fail(outcome, error);
        else
            return false;
        return true;
    }

    /// <summary>Outcome and sentence for an exception of a probe; null for one that is a bug.</summary>
    public static (Outcome Outcome, string Error)? Explain(Exception e, bool timedOut, int timeoutMs)
    {
        if (timedOut)
            return (Outcome.Timeout, $"not finished within {timeoutMs} ms");
        if (Find<SocketException>(e) is { } socket)
            return Connecting(socket);
        return e switch
        {
            _ when Find<SecretException>(e) is { } secret => (Outcome.SecretFault, secret.Message),
            HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError } => (Outcome.TlsFailed, Innermost(e)),
            _ when Find<AuthenticationException>(e) is { } tls => (Outcome.TlsFailed, Innermost(tls)),
            _ when IsLimit(e) => (Outcome.TooLarge, $"the headers are larger than {HttpExchange.MaxHeadKilobytes} kB"),
            HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError } => (Outcome.ConnectFailed, Innermost(e)),
            HttpRequestException or IOException or InvalidDataException => (Outcome.ProtocolError, Innermost(e)),
            UriFormatException => (Outcome.Unprobeable, $"the URL can't be read: {e.Message}"),
            _ => null,
        };
    }

    /// <summary>A resolver that answers "no such name" speaks of the target; one that does not answer, of the observer.</summary>
    public static (Outcome Outcome, string Error) Resolving(SocketException e, string host) => e.SocketErrorCode switch
    {
        SocketError.HostNotFound or SocketError.NoData => (Outcome.NameNotFound, $"the name {host} does not exist or has no address"),
        _ when Observer(e) is { } fault => fault,
        _ => (Outcome.ResolverFault, $"the resolver did not answer for {host}: {e.Message}"),
    };

    /// <summary>Whether an error of connecting speaks of the observer.</summary>
    public static bool IsObservers(SocketException e) => Observer(e) is not null;

    private static (Outcome Outcome, string Error) Connecting(SocketException e) =>
        Observer(e) ?? (e.SocketErrorCode is SocketError.HostNotFound or SocketError.NoData
            ? (Outcome.NameNotFound, e.Message)
            : (Outcome.ConnectFailed, e.SocketErrorCode == SocketError.ConnectionRefused ? "connection refused" : e.Message));

    private static (Outcome Outcome, string Error)? Observer(SocketException e) => e.SocketErrorCode switch
    {
        SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable or SocketError.AddressNotAvailable or SocketError.AddressAlreadyInUse
            => (Outcome.ResourceFault, $"the collector ran out of file descriptors, ports or buffers: {e.Message}"),
        SocketError.NetworkUnreachable or SocketError.NetworkDown or SocketError.AddressFamilyNotSupported => (Outcome.NetworkFault, $"the collector has no route: {e.Message}"),
        _ => null,
    };

    // HTTP/2 wraps it once more.
    private static bool IsLimit(Exception? e) =>
        e is HttpRequestException { HttpRequestError: HttpRequestError.ConfigurationLimitExceeded } or HttpIOException { HttpRequestError: HttpRequestError.ConfigurationLimitExceeded }
        || (e is not null && IsLimit(e.InnerException));

    private static T? Find<T>(Exception? e)
        where T : Exception
    {
        while (e is not null and not T)
            e = e.InnerException;
        return (T?)e;
    }

    private static string Innermost(Exception e)
    {
        // What was closed because of another failure says nothing of it.
        while (e.InnerException is { } inner and not ObjectDisposedException)
            e = inner;
        return e.Message;
    }
}
