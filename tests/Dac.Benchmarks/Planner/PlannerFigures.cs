namespace Dac.Benchmarks.Planner;

/// <summary>What is planned.</summary>
internal sealed record PlannerSettings(int Targets, int Hosts, int Partitions, int IntervalS, bool Options);

/// <summary>What came out.</summary>
internal sealed record PlannerFigures
{
    public required PlannerSettings Settings { get; init; }

    public required double BytesPerTarget { get; init; }

    public required double UrlBytes { get; init; }

    public required Reading Load { get; init; }

    public required Reading Reload { get; init; }

    public required double SlotsPerSecond { get; init; }

    public required Cost Choose { get; init; }

    public required Cost ChooseAfterChange { get; init; }

    public required Cost Columns { get; init; }

    public required Cost SqliteWrite { get; init; }

    public required Cost Commands { get; init; }
}

/// <summary>Of bringing the catalogue up to date.</summary>
internal sealed record Reading(double Seconds, double CpuSeconds, double LongestTickMs);

/// <summary>CPU time of the whole process, and what was allocated.</summary>
internal readonly record struct Cost(double CpuMs, long Bytes)
{
    public static Cost operator +(Cost a, Cost b) => new(a.CpuMs + b.CpuMs, a.Bytes + b.Bytes);

    public static Cost operator /(Cost a, int n) => new(a.CpuMs / n, a.Bytes / n);

    public static async Task<Cost> OfAsync(Func<ValueTask> work)
    {
        var (cpu, bytes) = (Environment.CpuUsage.TotalTime, GC.GetTotalAllocatedBytes(precise: true));
        await work();
        return new Cost((Environment.CpuUsage.TotalTime - cpu).TotalMilliseconds, GC.GetTotalAllocatedBytes(precise: true) - bytes);
    }
}
