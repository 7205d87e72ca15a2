using Dac.Contracts;

namespace Dac.Benchmarks.Micro;

/// <summary>What plain HTTP checks look like.</summary>
internal static class Samples
{
    private const long StartMs = 1_750_000_020_000;

    public static ProbeBatch Commands(int count) => new()
    {
        Location = "default",
        Partition = 3,
        Partitions = 16,
        WindowStartMs = StartMs,
        SentAtMs = StartMs - 2_500,
        Probes =
        [
            .. Enumerable.Range(1, count).Select(i => new ProbeUrl
            {
                TargetId = 1_000 + i,
                ScheduledAtMs = StartMs + i * 1_000 / (count + 1),
                Url = $"https://host-{i}.example.org/health/{i}",
                TimeoutMs = 10_000,
                ToleranceMs = 5_000,
            }),
        ],
    };

    public static ProbeResult[] Results(int count, long startMs = StartMs) =>
    [
        .. Enumerable.Range(1, count).Select(i => new ProbeResult
        {
            TargetId = 1_000 + i,
            ScheduledAtMs = startMs + i * 1_000 / (count + 1),
            Outcome = Outcome.Up,
            LatenessUs = 412,
            StatusCode = 200,
            ResolveUs = 310,
            ConnectUs = 14_205,
            TlsUs = 31_870,
            RequestUs = 84,
            FirstByteUs = 15_012,
            TransferUs = 420,
            TotalUs = 61_901,
            Bytes = 5_120,
            TlsExpiresAtMs = StartMs + 7_776_000_000,
        }),
    ];
}
