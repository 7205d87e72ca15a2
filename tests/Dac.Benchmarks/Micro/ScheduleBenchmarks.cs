using BenchmarkDotNet.Attributes;
using Dac.Targets;
using Quartz;

namespace Dac.Benchmarks.Micro;

/// <summary>When one target is due.</summary>
public class ScheduleBenchmarks
{
    private const long FromMs = 1_750_000_000_000;

    private readonly CronExpression _cron = TargetValidator.Validate(new() { Url = "http://h/", Cron = "*/5 * * * *" }).Target!.Cron!;
    private readonly string _host = "host-1234.example.org";
    private long _id;

    [Benchmark]
    public long Phase() => Schedule.PhaseMs(++_id, 60_000);

    [Benchmark]
    public long NextDue() => Schedule.FirstAtOrAfter(Schedule.PhaseMs(++_id, 60_000), 60_000, FromMs);

    [Benchmark]
    public long? NextDueOfCron() => Schedule.CronAtOrAfter(_cron, ++_id, FromMs);

    [Benchmark]
    public short PartitionOfHost() => Partitioning.Of(_host, 16);
}
