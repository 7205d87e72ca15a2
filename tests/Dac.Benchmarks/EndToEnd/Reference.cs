using System.Diagnostics;
using System.Globalization;
using System.Net.Security;
using System.Text.RegularExpressions;

namespace Dac.Benchmarks.EndToEnd;

/// <summary>What the same requests cost others on the same machine in the same run, CPU-ms per 1,000: so that a ratio survives a noisy machine.</summary>
public static class Reference
{
    private const int Warm = 3_000, Requests = 10_000, AtOnce = 32;

    /// <summary>A loop of requests over <see cref="SocketsHttpHandler"/>, in this process.</summary>
    public static async Task<double> HandlerAsync(Settings settings, Nginx nginx)
    {
        using var handler = new SocketsHttpHandler { PooledConnectionLifetime = settings.Reuse ? Timeout.InfiniteTimeSpan : TimeSpan.Zero, UseProxy = false };
        // The certificate is trusted by the services only: its chain has no known root here.
        if (settings.Scheme == "https")
            handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, errors) => (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) == SslPolicyErrors.None;
        using var client = new HttpMessageInvoker(handler);
        await LoopAsync(client, Warm, nginx);
        var before = Proc.CpuMs(Environment.ProcessId);
        await LoopAsync(client, Requests, nginx);
        return (Proc.CpuMs(Environment.ProcessId) - before) * 1_000 / Requests;
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

    private static Task LoopAsync(HttpMessageInvoker client, int requests, Nginx nginx) =>
        Parallel.ForEachAsync(Enumerable.Range(0, requests), new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (i, cancellationToken) =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, nginx.Url(i));
            using var response = await client.SendAsync(request, cancellationToken);
            await response.Content.CopyToAsync(Stream.Null, cancellationToken);
        });
}
