using System.Diagnostics;
using System.Globalization;
using System.Net.Security;
using System.Text.RegularExpressions;

namespace Dac.Benchmarks.EndToEnd;

/// <summary>What the same requests cost others on the same machine in the same run, CPU-ms per 1,000: so that a ratio survives a noisy machine.</summary>
public static class Reference
{
    private const int AtOnce = 32;

    // So that it is the compiled code that is measured, and not the compiling, which would make the loop look twice as dear and us as cheap.
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(5), Duration = TimeSpan.FromSeconds(3);

    /// <summary>A loop of requests over <see cref="SocketsHttpHandler"/>, in this process.</summary>
    public static async Task<double> HandlerAsync(Settings settings, Nginx nginx)
    {
        using var handler = new SocketsHttpHandler { PooledConnectionLifetime = settings.Reuse ? Timeout.InfiniteTimeSpan : TimeSpan.Zero, UseProxy = false };
        // The certificate is trusted by the services only: its chain has no known root here.
        if (settings.Scheme == "https")
            handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, errors) => (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) == SslPolicyErrors.None;
        using var client = new HttpMessageInvoker(handler);
        await LoopAsync(client, WarmUp, nginx);
        var before = Proc.CpuMs(Environment.ProcessId);
        var requests = await LoopAsync(client, Duration, nginx);
        return (Proc.CpuMs(Environment.ProcessId) - before) * 1_000 / requests;
    }

    /// <summary>wrk; null where it is not installed.</summary>
    public static async Task<double?> WrkAsync(string url, bool reuse)
    {
        try
        {
            // What has ended can't be asked for its time, but its parent can.
            var before = Proc.ChildrenCpuMs();
            string[] arguments = ["-t1", $"-c{AtOnce}", "-d4s", .. reuse ? Array.Empty<string>() : ["-H", "Connection: close"], url];
            using var wrk = Process.Start(new ProcessStartInfo("wrk", arguments) { RedirectStandardOutput = true })!;
            var output = await wrk.StandardOutput.ReadToEndAsync();
            await wrk.WaitForExitAsync();
            return Regex.Match(output, @"(\d+) requests in") is { Success: true } match
                ? (Proc.ChildrenCpuMs() - before) * 1_000 / long.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture)
                : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    // Returns how many requests were made.
    private static async Task<int> LoopAsync(HttpMessageInvoker client, TimeSpan duration, Nginx nginx)
    {
        var (since, requests) = (Stopwatch.GetTimestamp(), 0);
        await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(worker => Task.Run(async () =>
        {
            for (var i = worker; Stopwatch.GetElapsedTime(since) < duration; i += AtOnce)
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, nginx.Url(i));
                using var response = await client.SendAsync(request, CancellationToken.None);
                await response.Content.CopyToAsync(Stream.Null, CancellationToken.None);
                Interlocked.Increment(ref requests);
            }
        })));
        return requests;
    }
}
