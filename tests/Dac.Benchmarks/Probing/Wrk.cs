using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Dac.Benchmarks.Probing;

/// <summary>wrk, and what it took.</summary>
internal static class Wrk
{
    /// <summary>CPU-ms per 1,000 requests; null where it is not installed.</summary>
    public static async Task<double?> RunAsync(string url, bool reuse)
    {
        try
        {
            var before = WaitedForMs();
            string[] arguments = ["-t1", "-c32", "-d4s", .. reuse ? Array.Empty<string>() : ["-H", "Connection: close"], url];
            using var wrk = Process.Start(new ProcessStartInfo("wrk", arguments) { RedirectStandardOutput = true })!;
            var output = await wrk.StandardOutput.ReadToEndAsync();
            await wrk.WaitForExitAsync();
            return Regex.Match(output, @"(\d+) requests in") is { Success: true } match
                ? (WaitedForMs() - before) * 1_000 / long.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture)
                : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    // Of a process that has ended nothing can be asked any more: the system adds it to those that its parent has waited for (proc(5), cutime and cstime).
    private static double WaitedForMs()
    {
        var stat = File.ReadAllText("/proc/self/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (long.Parse(fields[13], CultureInfo.InvariantCulture) + long.Parse(fields[14], CultureInfo.InvariantCulture)) * 10.0;
    }
}
