using Dac.Contracts;
using Microsoft.EntityFrameworkCore;

namespace Dac.Benchmarks.EndToEnd;

/// <summary>One run: targets and services are brought up, warmed up, and measured.</summary>
public static class EndToEndRun
{
    public static async Task<Figures> RunAsync(Settings settings, Action<string> say)
    {
        await using var nginx = new Nginx(settings);
        nginx.Start();
        await using var cluster = new Cluster(settings);
        say($"{settings.Targets} targets of {settings.Interval} s on {settings.Hosts} hosts{(settings.Dead > 0 ? $", and {settings.Dead} that never answer" : "")}; starting");
        await cluster.PrepareAsync(nginx, say);
        await cluster.StartAsync(nginx);
        say($"warming up for {settings.WarmUp} s");
        await Task.Delay(TimeSpan.FromSeconds(settings.WarmUp));
        say($"measuring for {settings.Duration} s");
        var from = await WholeSecondAsync();
        var (before, machine, memory) = (await cluster.CpuMsAsync(), Proc.MachineMs(), new Dictionary<string, List<double>>());
        for (var second = 0; second < settings.Duration; second += 5)
        {
            await Task.Delay(TimeSpan.FromSeconds(Math.Min(5, settings.Duration - second)));
            foreach (var (name, mb) in await cluster.MemoryMbAsync())
                (memory.TryGetValue(name, out var seen) ? seen : memory[name] = []).Add(mb);
        }
        var (after, then) = (await cluster.CpuMsAsync(), Proc.MachineMs());
        var to = from.AddSeconds(settings.Duration);
        say("waiting until every second is audited");
        await AuditedAsync(cluster, from, to);
        // What is read next is read in peace, and may be millions of rows.
        foreach (var process in cluster.Processes)
            await process.StopAsync();
        if (settings.Logs is { } folder)
            cluster.KeepLogs(folder);
        say("reading ledger and rows");
        var ledger = await cluster.Ledger.ReadAsync(from, to, CancellationToken.None);
        var rows = await RowsAsync(cluster, from, to);
        var answering = rows.FindAll(r => r.TargetId <= settings.Targets && r.Outcome.Class() == OutcomeClass.Executed);
        say("what the same requests cost others");
        var reference = new Dictionary<string, double> { ["SocketsHttpHandler loop"] = await Reference.HandlerAsync(settings, nginx) };
        if (await Reference.WrkAsync(nginx.Url(0), settings.Reuse) is { } wrk)
            reference["wrk"] = wrk;
        var stored = rows.Count(r => r.Outcome.Class() != OutcomeClass.Missed);
        return new Figures
        {
            Settings = settings with { Weight = cluster.Weight },
            StoredPerSecond = answering.Count / (double)settings.Duration,
            LatenessMs = Percentiles.Of(answering.Select(r => r.LatenessUs!.Value / 1_000.0)),
            LatencyMs = Percentiles.Of(answering.Select(r => r.TotalUs!.Value / 1_000.0)),
            Saturated = answering.Count(r => r.Flags.HasFlag(ProbeRemarks.Saturated)),
            Outcomes = rows.CountBy(r => r.Outcome.ToString()).ToDictionary(),
            StartedBurst = Nginx.Burst(answering.Select(r => r.ScheduledAt.ToUnixTimeMilliseconds() + r.LatenessUs!.Value / 1_000.0), from, to),
            Burst = nginx.Burst(from, to),
            CpuMs = after.ToDictionary(a => a.Key, a => (a.Value - before[a.Key]) * 1_000 / Math.Max(1, stored)),
            MemoryMb = memory.ToDictionary(m => m.Key, m => Course.Of(m.Value)),
            ReferenceMs = reference,
            Stolen = (then.Stolen - machine.Stolen) / (then.All - machine.All),
            Tracked = await nginx.IsTrackedAsync(),
            Ledger = ledger,
        };
    }

    private static async Task<DateTimeOffset> WholeSecondAsync()
    {
        var now = TimeProvider.System.GetUtcNow();
        var next = DateTimeOffset.FromUnixTimeSeconds(now.ToUnixTimeSeconds() + 1);
        await Task.Delay(next - now);
        return next;
    }

    // Not for ever: what is not accounted for by then is in the table.
    private static async Task AuditedAsync(Cluster cluster, DateTimeOffset from, DateTimeOffset to)
    {
        await using var db = await cluster.OpenAsync();
        for (var waited = 0; waited < 90 && await db.PlanWindows.AnyAsync(w => w.StartsAt >= from && w.StartsAt < to && w.AuditedAt == null); waited++)
            await Task.Delay(TimeSpan.FromSeconds(1));
    }

    private static async Task<List<Row>> RowsAsync(Cluster cluster, DateTimeOffset from, DateTimeOffset to)
    {
        await using var db = await cluster.OpenAsync();
        return await db.Results.AsNoTracking().Where(r => r.ScheduledAt >= from && r.ScheduledAt < to)
            .Select(r => new Row(r.TargetId, r.ScheduledAt, r.Outcome, r.LatenessUs, r.TotalUs, r.Flags)).ToListAsync();
    }

    private sealed record Row(long TargetId, DateTimeOffset ScheduledAt, Outcome Outcome, int? LatenessUs, int? TotalUs, ProbeRemarks Flags);
}
