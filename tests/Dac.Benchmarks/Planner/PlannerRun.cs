using System.Diagnostics;
using System.Text.Json;
using Dac.Contracts;
using Dac.Hosting;
using Dac.Scheduler;
using Dac.Storage;
using Dac.Targets;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Dac.Benchmarks.Planner;

/// <summary>One scheduler's catalogue, plan and commands, as they are shipped, without Quartz and without a broker.</summary>
internal static class PlannerRun
{
    private const int Seconds = 60;

    // Some time ago, so that the plan store's own windows are others.
    private const long StartMs = 1_750_000_020_000;

    public static async Task<PlannerFigures> RunAsync(PlannerSettings settings, CancellationToken cancellationToken)
    {
        await using var database = await PlannerDatabase.CreateAsync(settings, cancellationToken);
        await using var db = await database.Get<IDbContextFactory<DacDbContext>>().CreateDbContextAsync(cancellationToken);
        await db.Targets.AsNoTracking().FirstAsync(cancellationToken);

        var before = GC.GetTotalMemory(forceFullCollection: true);
        var catalogue = new Catalogue(database.Get<IDbContextFactory<DacDbContext>>(), database.Get<NameIds>(), TimeProvider.System, NullLogger<Catalogue>.Instance);
        var load = await ReadAsync(catalogue, 1, cancellationToken);
        Plan(catalogue, settings, StartMs);
        var bytes = GC.GetTotalMemory(forceFullCollection: true) - before;

        var dispatcher = Dispatcher(catalogue, settings);
        await MinuteAsync(catalogue, dispatcher, settings, cancellationToken);
        await MinuteAsync(catalogue, dispatcher, settings, cancellationToken);
        var minute = await MinuteAsync(catalogue, dispatcher, settings, cancellationToken);
        var write = await WriteAsync(catalogue, database.Get<IPlanStore>(), settings, cancellationToken);

        var reload = await ReadAsync(catalogue, await database.ChangeAsync(cancellationToken), cancellationToken);
        var after = await Cost.OfAsync(() =>
        {
            Plan(catalogue, settings, StartMs);
            return ValueTask.CompletedTask;
        });
        return new PlannerFigures
        {
            Settings = settings,
            BytesPerTarget = (double)bytes / settings.Targets,
            UrlBytes = database.UrlBytes,
            Load = load,
            Reload = reload,
            SlotsPerSecond = minute.Slots,
            Choose = minute.Choose,
            ChooseAfterChange = after,
            Columns = minute.Columns,
            SqliteWrite = write,
            Commands = minute.Commands,
        };
    }

    private static async Task<Reading> ReadAsync(Catalogue catalogue, long revision, CancellationToken cancellationToken)
    {
        var (since, cpu, longest) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime, TimeSpan.Zero);
        while (catalogue.Revision < revision || !catalogue.IsLoaded)
        {
            var tick = Stopwatch.GetTimestamp();
            await catalogue.RefreshAsync(revision, cancellationToken);
            longest = TimeSpan.FromTicks(Math.Max(longest.Ticks, Stopwatch.GetElapsedTime(tick).Ticks));
        }
        return new Reading(Stopwatch.GetElapsedTime(since).TotalSeconds, (Environment.CpuUsage.TotalTime - cpu).TotalSeconds, longest.TotalMilliseconds);
    }

    private static List<PlannedWindow> Plan(Catalogue catalogue, PlannerSettings settings, long startMs)
    {
        var windows = new List<PlannedWindow>(settings.Partitions);
        for (short partition = 0; partition < settings.Partitions; partition++)
        {
            if (catalogue.Partition(partition).Plan(partition, startMs, catalogue.Revision) is { } window)
                windows.Add(window);
        }
        return windows;
    }

    private static async Task<(double Slots, Cost Choose, Cost Columns, Cost Commands)> MinuteAsync(
        Catalogue catalogue, Dispatcher dispatcher, PlannerSettings settings, CancellationToken cancellationToken)
    {
        var (slots, choose, columns, commands) = (0L, default(Cost), default(Cost), default(Cost));
        for (var second = 0; second < Seconds; second++)
        {
            List<PlannedWindow> windows = [];
            choose += await Cost.OfAsync(() =>
            {
                windows = Plan(catalogue, settings, StartMs + second * Schedule.WindowMs);
                return ValueTask.CompletedTask;
            });
            columns += await Cost.OfAsync(() =>
            {
                slots += SlotColumns.Of(windows).Targets.Length;
                return ValueTask.CompletedTask;
            });
            commands += await Cost.OfAsync(async () =>
            {
                var batches = new List<(PlannedWindow, ProbeBatch Batch)>();
                foreach (var window in windows)
                    await dispatcher.AddBatchesAsync(window, batches, cancellationToken);
                foreach (var (_, batch) in batches)
                    JsonSerializer.SerializeToUtf8Bytes(batch, ContractJson.Default.ProbeBatch);
            });
        }
        return ((double)slots / Seconds, choose / Seconds, columns / Seconds, commands / Seconds);
    }

    // The store takes windows of the next 15 s only.
    private static async Task<Cost> WriteAsync(Catalogue catalogue, IPlanStore plans, PlannerSettings settings, CancellationToken cancellationToken)
    {
        const int Written = 8;
        var state = await plans.ReadAsync(cancellationToken);
        var first = (state.NowMs / Schedule.WindowMs + 3) * Schedule.WindowMs;
        var cost = default(Cost);
        for (var second = 0; second < Written; second++)
        {
            var start = first + second * Schedule.WindowMs;
            long? seen = second == 0 ? null : start;
            List<PartitionPlan> offers = [.. Plan(catalogue, settings, start).Select(w => new PartitionPlan(w.Partition, seen, start, start + Schedule.WindowMs, w.ActiveTargets, [w]))];
            cost += await Cost.OfAsync(async () =>
            {
                if ((await plans.PlanAsync(offers, catalogue.Revision, cancellationToken)).Count != offers.Count)
                    throw new InvalidOperationException("The plan store did not take the windows: this machine is too slow for the benchmark.");
            });
        }
        return cost / Written;
    }

    private static Dispatcher Dispatcher(Catalogue catalogue, PlannerSettings settings)
    {
        var configuration = new ConfigurationBuilder().Build();
        var topology = Options.Create(new TopologyOptions { Partitions = settings.Partitions });
        var services = new ServiceCollection().AddSingleton(MassTransit.Bus.Factory.CreateUsingInMemory(_ => { })).BuildServiceProvider();
        return new Dispatcher(
            catalogue, new PlanMemory(TimeProvider.System), new PublishBus(services, configuration, new BusParts("planner"), topology, TimeProvider.System, NullLoggerFactory.Instance),
            new QueueWatch(configuration, TimeProvider.System), Options.Create(new SchedulerOptions()), topology, NullLogger<Dispatcher>.Instance);
    }
}
