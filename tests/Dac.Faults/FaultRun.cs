using Dac.Faults.Cluster;
using Dac.Faults.Injection;
using Dac.Faults.Proof;

namespace Dac.Faults;

/// <summary>What is run on.</summary>
public sealed record RunSettings
{
    public int Seed { get; init; } = 1;

    public ClusterSize Size { get; init; } = new(2, 3, 2);

    public int Targets { get; init; } = 300;

    /// <summary>One interval for all targets; null: 1 to 5 s, some by cron.</summary>
    public int? IntervalSeconds { get; init; }

    /// <summary>Whether the schedulers run under libfaketime.</summary>
    public bool FakeTime { get; init; }

    /// <summary>Time without faults in the beginning, in which memory finds its level.</summary>
    public TimeSpan Calm { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Time without faults in the end.</summary>
    public TimeSpan Quiet { get; init; } = TimeSpan.FromSeconds(40);
}

/// <summary>What came out of a run.</summary>
public sealed record RunResult(
    RunSettings Settings,
    IReadOnlyList<InjectedFault> Faults,
    IReadOnlyDictionary<string, int> TargetChanges,
    Figures Figures,
    long DuplicatesDropped,
    int MessagesRepeated,
    IReadOnlyDictionary<string, Memory> MemoryMb,
    IReadOnlyDictionary<string, string> Measured,
    IReadOnlyList<Violation> Violations,
    string? Logs);

/// <summary>One run: a cluster is brought up, a script does it harm, and when all is quiet again the oracle judges.</summary>
public sealed class FaultRun
{
    private const int Partitions = 16;

    /// <summary>Windows are audited 15 s after their slowest probe may have ended, 26 s here; the rest is for what has piled up.</summary>
    private static readonly TimeSpan ClosingTime = TimeSpan.FromMinutes(5);

    private FaultRun(RunSettings settings, FaultCluster cluster, ClusterWatch watch, Action<string> say)
    {
        (Settings, Cluster, Watch, Say) = (settings, cluster, watch, say);
        Targets = new TargetBook(cluster, settings.Seed);
        Injector = new FaultInjector(cluster, Partitions, say);
    }

    public RunSettings Settings { get; }

    public FaultCluster Cluster { get; }

    public ClusterWatch Watch { get; }

    public TargetBook Targets { get; }

    public FaultInjector Injector { get; }

    public Action<string> Say { get; }

    /// <summary>What a script has measured, by name.</summary>
    public Dictionary<string, string> Measured { get; } = [];

    /// <summary>What a script found wrong.</summary>
    public List<Violation> Violations { get; } = [];

    /// <summary>Runs a script and judges what became of the slots.</summary>
    public static async Task<RunResult> RunAsync(RunSettings settings, Func<FaultRun, Task> script, Action<string> say)
    {
        var logs = Directory.CreateTempSubdirectory("dac-faults-").FullName;
        RunResult result;
        await using (var cluster = new FaultCluster(logs))
        await using (var watch = new ClusterWatch(cluster))
        {
            say($"seed {settings.Seed}: {settings.Size}, {settings.Targets} targets; logs go to {logs}");
            await cluster.PrepareAsync(settings.Size, settings.FakeTime);
            var run = new FaultRun(settings, cluster, watch, say);
            await run.Targets.AddAsync(settings.Targets, settings.IntervalSeconds);
            await cluster.StartAsync();
            watch.Start();
            say("all services are ready");
            await Task.Delay(settings.Calm);
            watch.EndCalm();
            await script(run);
            say($"quiet for {settings.Quiet.TotalSeconds} s");
            await Task.Delay(settings.Quiet);
            result = await run.JudgeAsync(logs);
        }
        if (result.Violations.Count > 0)
            return result;
        Directory.Delete(logs, recursive: true);
        return result with { Logs = null };
    }

    private async Task<RunResult> JudgeAsync(string logs)
    {
        var to = DateTimeOffset.FromUnixTimeSeconds(Clock.NowMs / 1_000);
        var open = await CloseAsync(to);
        await using var db = await Cluster.OpenAsync();
        var ids = Targets.Lives.ToDictionary(l => l.Key, l => l.Id);
        var (evidence, proof, parked) = await EvidenceReader.ReadAsync(db, new Evidence(
            to.ToUnixTimeMilliseconds(), [], [], [], [], Targets.Lives,
            [.. Cluster.Server.Requests.Where(r => ids.ContainsKey(r.Key)).Select(r => new Request(ids[r.Key], r.AtMs))], Injector.Injected, Cluster.Server.Stalls));
        Say($"judging {evidence.Rows.Count} rows");
        var verdict = Oracle.Check(evidence);
        Violations.ForEach(v => verdict.Add(v.Rule, v.Detail));
        if (open is not null)
            verdict.Add("ledger not closed", $"{ClosingTime.TotalMinutes} minutes after the end: {open}");
        if (proof.Unaccounted != 0 || proof.Planned == 0)
            verdict.Add("missing row", $"the query of docs/ledger.md says {proof}");
        if (parked > 0)
            verdict.Add("parked", $"{parked} results were refused by the database and are in parked_result");
        await ErrorQueuesAsync(verdict);
        CheckMemory(verdict);
        await Task.WhenAll(Cluster.Replicas.Select(r => r.StopAsync()));
        foreach (var failure in Cluster.Replicas.SelectMany(r => r.Failures))
            verdict.Add("service failed", failure);
        await File.WriteAllLinesAsync(Path.Combine(logs, "faults.log"), Injector.Injected.Select(f => $"{Clock.Text(f.FromMs)} to {Clock.Text(f.ToMs)} {f.Kind} {f.What}"));
        await File.WriteAllLinesAsync(Path.Combine(logs, "violations.log"), verdict.Violations.Select(v => $"{v.Rule}: {v.Detail}"));
        return new RunResult(
            Settings, Injector.Injected, Targets.Changes, verdict.Figures, Watch.Duplicates, Injector.Repeated, Watch.Memories(), Measured, verdict.Violations, logs);
    }

    // Waits until the services have settled all that was due; tells what is open when they don't.
    private async Task<string?> CloseAsync(DateTimeOffset to)
    {
        var start = TimeProvider.System.GetTimestamp();
        string? open = "";
        while (open is not null && TimeProvider.System.GetElapsedTime(start) < ClosingTime)
        {
            await Task.Delay(TimeSpan.FromSeconds(1));
            await using var db = await Cluster.OpenAsync();
            open = await EvidenceReader.OpenAsync(db, to);
        }
        return open;
    }

    private async Task ErrorQueuesAsync(Verdict verdict)
    {
        if (await Cluster.ManagementAsync(Cluster.QueuesPath) is not { } queues)
            return;
        foreach (var queue in queues.EnumerateArray())
        {
            var name = queue.GetProperty("name").GetString()!;
            if ((name.EndsWith("_error", StringComparison.Ordinal) || name.EndsWith("_skipped", StringComparison.Ordinal)) && queue.TryGetProperty("messages", out var messages) && messages.GetInt64() > 0)
                verdict.Add("parked", $"{messages.GetInt64()} messages in queue {name}");
        }
    }

    // A garbage collector takes what it is given: back to twice the level and 64 MB counts as back.
    private void CheckMemory(Verdict verdict)
    {
        foreach (var (service, memory) in Watch.Memories().Where(m => m.Value.Level > 0 && m.Value.End > 2 * m.Value.Level + 64))
            verdict.Add("memory", $"{service}: {memory.End:0} MB in the end, {memory.Level:0} MB before the faults, {memory.Peak:0} MB at its peak");
    }
}
