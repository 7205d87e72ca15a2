using System.Globalization;
using Dac.Faults.Cluster;
using Dac.Faults.Proof;

namespace Dac.Faults.Injection;

/// <summary>Does what the schedule says, and notes when.</summary>
public sealed class FaultInjector(FaultCluster cluster, int partitions, Action<string> say)
{
    private readonly List<InjectedFault> _injected = [];

    /// <summary>What was done so far.</summary>
    public IReadOnlyList<InjectedFault> Injected
    {
        get
        {
            lock (_injected)
                return [.. _injected];
        }
    }

    /// <summary>Commands and results that were delivered twice.</summary>
    public int Repeated { get; private set; }

    /// <summary>Runs a schedule; returns when its last fault is healed.</summary>
    public async Task RunAsync(IReadOnlyList<PlannedFault> schedule, CancellationToken cancellationToken)
    {
        var start = TimeProvider.System.GetTimestamp();
        var running = new List<Task>();
        foreach (var fault in schedule)
        {
            var wait = fault.At - TimeProvider.System.GetElapsedTime(start);
            if (wait > TimeSpan.Zero)
                await Task.Delay(wait, cancellationToken);
            running.Add(InjectAsync(fault));
        }
        await Task.WhenAll(running);
    }

    /// <summary>Injects one fault and heals it.</summary>
    public Task InjectAsync(PlannedFault fault)
    {
        var replica = Hit(fault);
        var what = fault.Kind switch
        {
            FaultKind.SchedulersDown or FaultKind.CutConnections or FaultKind.Duplicates => "all",
            FaultKind.BrokerStop or FaultKind.BrokerBlackHole or FaultKind.BrokerMemoryAlarm or FaultKind.DatabaseStop or FaultKind.DatabaseBlackHole => "",
            FaultKind.ClockStep => $"{replica.Name} {fault.StepSeconds:+0;-0} s",
            _ => replica.Name,
        };
        return NoteAsync(FaultSchedule.Name(fault.Kind), what, () => ActAsync(fault, replica));
    }

    /// <summary>Does something that counts as a fault, and notes it.</summary>
    public async Task NoteAsync(string kind, string what, Func<Task> act)
    {
        var from = Clock.NowMs;
        say($"{kind} {what}");
        await act();
        lock (_injected)
            _injected.Add(new InjectedFault(kind, what, from, Clock.NowMs));
        say($"{kind} {what} healed after {(Clock.NowMs - from) / 1000.0:0.0} s");
    }

    private Replica Hit(PlannedFault fault)
    {
        var replicas = cluster.Of(FaultSchedule.Service(fault.Kind, fault.Replica));
        return replicas[(fault.Kind == FaultKind.CutOff ? fault.Replica / 3 : fault.Replica) % replicas.Count];
    }

    private async Task ActAsync(PlannedFault fault, Replica replica)
    {
        switch (fault.Kind)
        {
            case FaultKind.KillScheduler or FaultKind.KillCollector or FaultKind.KillWriter:
                await replica.KillAsync(fault.Lasts);
                break;
            case FaultKind.StopScheduler or FaultKind.StopCollector or FaultKind.StopWriter:
                await replica.StopAsync(fault.Lasts);
                break;
            case FaultKind.PauseScheduler or FaultKind.PauseCollector or FaultKind.PauseWriter:
                await replica.PauseAsync(fault.Lasts);
                break;
            case FaultKind.SchedulersDown:
                await Task.WhenAll(cluster.Of("Scheduler").Select(s => s.KillAsync(fault.Lasts)));
                break;
            case FaultKind.CutOff:
                await BlackHoleAsync([replica.Database, replica.Broker], fault.Lasts);
                break;
            case FaultKind.CutConnections:
                cluster.Replicas.ToList().ForEach(r =>
                {
                    r.Database.Cut();
                    r.Broker.Cut();
                });
                break;
            case FaultKind.DatabaseBlackHole:
                await BlackHoleAsync([.. cluster.Replicas.Select(r => r.Database)], fault.Lasts);
                break;
            case FaultKind.BrokerBlackHole:
                await BlackHoleAsync([.. cluster.Replicas.Select(r => r.Broker)], fault.Lasts);
                break;
            case FaultKind.DatabaseStop:
                await cluster.Postgres.StopAsync();
                await Task.Delay(fault.Lasts);
                await cluster.Postgres.StartAsync();
                break;
            case FaultKind.BrokerStop:
                await cluster.Rabbit.StopAsync();
                await Task.Delay(fault.Lasts);
                await cluster.Rabbit.StartAsync();
                break;
            case FaultKind.BrokerMemoryAlarm:
                await SetMemoryLimitAsync("0.0001");
                await Task.Delay(fault.Lasts);
                await SetMemoryLimitAsync("0.6");
                break;
            case FaultKind.Duplicates:
                Repeated += await Duplicator.RunAsync(cluster.Broker, fault.Lasts, partitions);
                break;
            case FaultKind.ClockStep:
                await File.WriteAllTextAsync(replica.ClockFile!, string.Create(CultureInfo.InvariantCulture, $"{fault.StepSeconds:+0;-0}\n"));
                await Task.Delay(fault.Lasts);
                await File.WriteAllTextAsync(replica.ClockFile!, "+0\n");
                break;
        }
    }

    // The broker's tool gives up where the broker is still starting after another fault, and can't be run where that has stopped it.
    private async Task SetMemoryLimitAsync(string limit)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await cluster.Rabbit.ControlAsync("set_vm_memory_high_watermark", limit);
                return;
            }
            catch (Exception e) when (e is Xunit.Sdk.XunitException or Docker.DotNet.DockerApiException && attempt < 120)
            {
                say($"the broker's memory limit could not be set, trying again: {e.Message}");
                await Task.Delay(TimeSpan.FromSeconds(1));
            }
        }
    }

    private static async Task BlackHoleAsync(List<TcpProxy> proxies, TimeSpan time)
    {
        proxies.ForEach(p => p.BlackHole());
        await Task.Delay(time);
        proxies.ForEach(p => p.Open());
    }
}
