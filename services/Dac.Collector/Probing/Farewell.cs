using System.Net.Sockets;

namespace Dac.Collector.Probing;

/// <summary>Connections that are done with, and wait a moment for the server to close first.</summary>
internal static class Farewell
{
    // At the pace at which a server that was asked to close and does not could leave them here; each holds a descriptor.
    private const int Limit = 1_000;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private static int s_waiting;

    /// <summary>Waits in the background, and then ends the connection.</summary>
    public static void Begin(Socket socket, IDisposable connection)
    {
        if (Interlocked.Increment(ref s_waiting) <= Limit)
        {
            _ = WaitAsync(socket, connection);
            return;
        }
        Interlocked.Decrement(ref s_waiting);
        connection.Dispose();
    }

    private static async Task WaitAsync(Socket socket, IDisposable connection)
    {
        try
        {
            using var patience = new CancellationTokenSource(Patience);
            // Nothing but the end is expected, and the last words of TLS: whatever it is, it came.
            await socket.ReceiveAsync(Memory<byte>.Empty, patience.Token);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Then it is ended from here.
        }
        finally
        {
            Interlocked.Decrement(ref s_waiting);
            connection.Dispose();
        }
    }
}
