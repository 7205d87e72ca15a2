namespace Dac.Benchmarks.EndToEnd;

/// <summary>
/// A control group with more CPU weight than others have, much as docker-compose.yml gives it to the collectors. Needs root, and the CPU controller (version 1, or 2 where it is on).
/// </summary>
public sealed class CpuGroup : IDisposable
{
    private readonly string _folder;

    private CpuGroup(string folder) => _folder = folder;

    /// <summary>Makes one; null where that is not possible here.</summary>
    /// <param name="weight">So many times what others have.</param>
    public static CpuGroup? TryCreate(int weight)
    {
        var (controller, file, usual) = File.Exists("/sys/fs/cgroup/cgroup.controllers") ? ("/sys/fs/cgroup", "cpu.weight", 100) : ("/sys/fs/cgroup/cpu", "cpu.shares", 1_024);
        var folder = Path.Combine(controller, $"dac-benchmark-{Environment.ProcessId}");
        if (!Directory.Exists(controller))
            return null;
        try
        {
            Directory.CreateDirectory(folder);
            File.WriteAllText(Path.Combine(folder, file), $"{weight * usual}");
            return new CpuGroup(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (Directory.Exists(folder))
                Directory.Delete(folder);
            return null;
        }
    }

    /// <summary>A process is one of it from now on.</summary>
    public void Add(int process)
    {
        try
        {
            File.WriteAllText(Path.Combine(_folder, "cgroup.procs"), $"{process}");
        }
        catch (IOException)
        {
            // It has ended already: whoever waits for it to be ready says so, with its reason.
        }
    }

    /// <summary>Removes it; its processes must have ended.</summary>
    public void Dispose()
    {
        try
        {
            Directory.Delete(_folder);
        }
        catch (IOException)
        {
            // Somebody is in it yet. Empty it costs nothing, and the figures are worth more.
        }
    }
}
