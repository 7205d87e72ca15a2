using Dac.Storage;

namespace Dac.Benchmarks.EndToEnd;

/// <summary>What came out of a run. Of targets that answer, unless said.</summary>
public sealed record Figures
{
    public required Settings Settings { get; init; }

    /// <summary>Rows of executed probes per second.</summary>
    public required double StoredPerSecond { get; init; }

    /// <summary>Start after the planned moment, ms.</summary>
    public required Percentiles LatenessMs { get; init; }

    /// <summary>Whole probes, ms.</summary>
    public required Percentiles LatencyMs { get; init; }

    /// <summary>Rows flagged saturated.</summary>
    public required int Saturated { get; init; }

    /// <summary>Rows by outcome, the dead targets' too.</summary>
    public required IReadOnlyDictionary<string, int> Outcomes { get; init; }

    /// <summary>Most probes started in any 10 ms, by the rows, against the mean.</summary>
    public required double? StartedBurst { get; init; }

    /// <summary>Most requests that nginx saw in any 10 ms, against the mean.</summary>
    public required double? Burst { get; init; }

    /// <summary>CPU time, ms per 1,000 stored rows.</summary>
    public required IReadOnlyDictionary<string, double> CpuMs { get; init; }

    /// <summary>Resident memory, MB.</summary>
    public required IReadOnlyDictionary<string, Course> MemoryMb { get; init; }

    /// <summary>CPU time of the same requests made by others in the same run, ms per 1,000.</summary>
    public required IReadOnlyDictionary<string, double> ReferenceMs { get; init; }

    /// <summary>What the host of this machine gave to others meanwhile, of the CPU time of all its cores, 0 to 1.</summary>
    public required double Stolen { get; init; }

    /// <summary>See <see cref="Nginx.IsTrackedAsync"/>.</summary>
    public required bool Tracked { get; init; }

    /// <summary>The span's ledger.</summary>
    public required Ledger Ledger { get; init; }

    /// <summary>Everything but the targets.</summary>
    public double TotalCpuMs => CpuMs.Values.Sum();
}

/// <summary>Of a number of values.</summary>
public sealed record Percentiles(double P50, double P99, double P999, double Max)
{
    public static Percentiles Of(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length == 0 ? new(0, 0, 0, 0) : new(At(sorted, 0.5), At(sorted, 0.99), At(sorted, 0.999), sorted[^1]);
    }

    private static double At(double[] sorted, double share) => sorted[Math.Min(sorted.Length - 1, (int)(sorted.Length * share))];
}

/// <summary>Of values that follow each other: the mean of the first tenth, the largest of all, the mean of the last tenth.</summary>
public sealed record Course(double First, double Most, double Last)
{
    public static Course Of(IReadOnlyList<double> values)
    {
        var tenth = Math.Max(1, values.Count / 10);
        return new(values.Take(tenth).Average(), values.Max(), values.TakeLast(tenth).Average());
    }
}
