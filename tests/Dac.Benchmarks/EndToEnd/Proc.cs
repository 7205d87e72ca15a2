using System.Globalization;

namespace Dac.Benchmarks.EndToEnd;

/// <summary>What Linux says of a process.</summary>
public static class Proc
{
    /// <summary>Ticks of <c>/proc/PID/stat</c> are hundredths of a second on every Linux that .NET runs on.</summary>
    private const double TickMs = 10;

    /// <summary>CPU time, user and system, ms.</summary>
    public static double CpuMs(int process) => CpuMs($"{process}", 11);

    /// <summary>Likewise, of the children of this process that have ended.</summary>
    public static double ChildrenCpuMs() => CpuMs("self", 13);

    /// <summary>Resident memory, MB.</summary>
    public static double MemoryMb(int process) => long.Parse(File.ReadAllText($"/proc/{process}/statm").Split(' ')[1], CultureInfo.InvariantCulture) * Environment.SystemPageSize / 1e6;

    /// <summary>CPU time of the whole machine, ms: in all, and of it what its host gave to others.</summary>
    public static (double All, double Stolen) MachineMs()
    {
        // proc(5): user, nice, system, idle, iowait, irq, softirq, steal; what follows is counted in the first two.
        var times = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(8).Select(t => long.Parse(t, CultureInfo.InvariantCulture) * TickMs).ToList();
        return (times.Sum(), times[7]);
    }

    private static double CpuMs(string process, int field)
    {
        // The name in brackets may have blanks.
        var stat = File.ReadAllText($"/proc/{process}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (long.Parse(fields[field], CultureInfo.InvariantCulture) + long.Parse(fields[field + 1], CultureInfo.InvariantCulture)) * TickMs;
    }
}
