namespace Dac.Faults.Injection;

/// <summary>What can go wrong; on the command line in kebab case (<c>kill-scheduler</c>).</summary>
public enum FaultKind
{
    KillScheduler,
    KillCollector,
    KillWriter,
    StopScheduler,
    StopCollector,
    StopWriter,
    PauseScheduler,
    PauseCollector,
    PauseWriter,

    /// <summary>All schedulers killed at once, and gone for a while.</summary>
    SchedulersDown,

    /// <summary>One service's connections to everything are black-holed.</summary>
    CutOff,

    /// <summary>All connections to broker and database are reset.</summary>
    CutConnections,

    BrokerStop,
    BrokerBlackHole,

    /// <summary>The broker is told that it has no memory left: it blocks whoever publishes.</summary>
    BrokerMemoryAlarm,

    DatabaseStop,
    DatabaseBlackHole,

    /// <summary>Every message of commands and results is delivered twice.</summary>
    Duplicates,

    /// <summary>A scheduler's clock steps, and steps back. Needs libfaketime.</summary>
    ClockStep,
}

/// <summary>One fault to come.</summary>
/// <param name="Kind">What.</param>
/// <param name="At">When, from the start of the faults.</param>
/// <param name="Lasts">How long until it is healed: the services get the time after that to recover.</param>
/// <param name="Replica">Which of the services of its kind, counted from 0.</param>
/// <param name="StepSeconds">How far a clock steps.</param>
public sealed record PlannedFault(FaultKind Kind, TimeSpan At, TimeSpan Lasts, int Replica, int StepSeconds);

/// <summary>How many services of each kind run.</summary>
public sealed record ClusterSize(int Schedulers, int Collectors, int Writers);

/// <summary>A random schedule, the same for the same seed. Faults overlap, but not on the same service or server.</summary>
public static class FaultSchedule
{
    /// <summary>What a service or server is left in peace for after a fault, so that it is seen to recover.</summary>
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(12);

    /// <summary>Makes the schedule; the last fault is healed before <paramref name="span"/> is over.</summary>
    public static IReadOnlyList<PlannedFault> Make(int seed, TimeSpan span, ClusterSize size, IReadOnlyList<FaultKind> kinds)
    {
        var random = new Random(seed);
        var faults = new List<PlannedFault>();
        var busy = new Dictionary<string, TimeSpan>();
        var bag = new Queue<FaultKind>();
        for (var at = TimeSpan.Zero; at < span; at += TimeSpan.FromSeconds(3 + 10 * random.NextDouble()))
        {
            // A bag that is emptied before it is filled anew: each kind comes about as often as the others.
            if (bag.Count == 0)
                bag = new Queue<FaultKind>(Shuffled(kinds, random));
            var kind = bag.Dequeue();
            var fault = new PlannedFault(kind, at, Lasts(kind, random), random.Next(1_000), random.Next(2) == 0 ? -random.Next(2, 40) : random.Next(2, 40));
            fault = fault with { Replica = fault.Replica % Count(kind, fault.Replica, size) };
            var needed = Needs(fault, size);
            if (at + fault.Lasts > span || needed.Any(n => busy.GetValueOrDefault(n) > at))
                continue;
            foreach (var resource in needed)
                busy[resource] = at + fault.Lasts + Recovery;
            faults.Add(fault);
        }
        return faults;
    }

    /// <summary>Name of a kind as users write it.</summary>
    public static string Name(FaultKind kind) => Words(kind.ToString()).Replace(' ', '-');

    /// <summary><c>NotPlanned</c> as "not planned".</summary>
    public static string Words(string name) => string.Concat(name.Select((c, i) => char.IsUpper(c) ? (i > 0 ? " " : "") + char.ToLowerInvariant(c) : $"{c}"));

    /// <summary>The service that a fault of one service hits: of those that are hit in turn, as the number has it.</summary>
    public static string Service(FaultKind kind, int replica) => kind switch
    {
        FaultKind.KillCollector or FaultKind.StopCollector or FaultKind.PauseCollector => "Collector",
        FaultKind.KillWriter or FaultKind.StopWriter or FaultKind.PauseWriter => "Writer",
        FaultKind.CutOff when replica % 3 == 1 => "Collector",
        FaultKind.CutOff when replica % 3 == 2 => "Writer",
        _ => "Scheduler",
    };

    private static int Count(FaultKind kind, int replica, ClusterSize size) => Service(kind, replica) switch
    {
        // A multiple of 3, so that the number keeps naming the same service.
        _ when kind == FaultKind.CutOff => 3 * Math.Max(size.Schedulers, Math.Max(size.Collectors, size.Writers)),
        "Scheduler" => size.Schedulers,
        "Collector" => size.Collectors,
        _ => size.Writers,
    };

    private static List<string> Needs(PlannedFault fault, ClusterSize size) => fault.Kind switch
    {
        FaultKind.SchedulersDown => [.. Enumerable.Range(0, size.Schedulers).Select(i => $"Scheduler/{i}")],
        FaultKind.BrokerStop or FaultKind.BrokerBlackHole or FaultKind.BrokerMemoryAlarm or FaultKind.Duplicates => ["broker"],
        FaultKind.DatabaseStop or FaultKind.DatabaseBlackHole => ["database"],
        FaultKind.CutConnections => [],
        FaultKind.CutOff => [$"{Service(fault.Kind, fault.Replica)}/{fault.Replica / 3 % Of(fault, size)}"],
        _ => [$"{Service(fault.Kind, fault.Replica)}/{fault.Replica}"],
    };

    private static int Of(PlannedFault fault, ClusterSize size) =>
        Service(fault.Kind, fault.Replica) switch { "Scheduler" => size.Schedulers, "Collector" => size.Collectors, _ => size.Writers };

    private static TimeSpan Lasts(FaultKind kind, Random random)
    {
        var (least, most) = kind switch
        {
            FaultKind.PauseScheduler or FaultKind.PauseCollector or FaultKind.PauseWriter => (1.0, 15.0),
            FaultKind.SchedulersDown => (4, 20),
            FaultKind.BrokerStop or FaultKind.DatabaseStop => (2, 15),
            FaultKind.BrokerBlackHole or FaultKind.DatabaseBlackHole or FaultKind.CutOff => (2, 25),
            FaultKind.BrokerMemoryAlarm or FaultKind.Duplicates => (5, 20),
            FaultKind.ClockStep => (5, 30),
            FaultKind.CutConnections => (0, 0),
            _ => (0.5, 10),
        };
        return TimeSpan.FromSeconds(least + (most - least) * random.NextDouble());
    }

    private static FaultKind[] Shuffled(IReadOnlyList<FaultKind> kinds, Random random)
    {
        var shuffled = kinds.ToArray();
        random.Shuffle(shuffled);
        return shuffled;
    }
}
