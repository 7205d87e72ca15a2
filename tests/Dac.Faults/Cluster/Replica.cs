using System.Globalization;
using System.Text.RegularExpressions;
using Dac.SystemTests.Distributed;

namespace Dac.Faults.Cluster;

/// <summary>One service of the cluster: a process that is killed, stopped, paused and started again, with connections of its own that can be cut.</summary>
public sealed class Replica(string service, int index, TcpProxy database, TcpProxy broker, IReadOnlyDictionary<string, string> settings, string logs) : IAsyncDisposable
{
    private readonly SemaphoreSlim _turn = new(1);
    private readonly List<string> _failures = [];
    private DacProcess? _process;
    private int _runs;
    private bool _down;

    public string Service { get; } = service;

    public string Name { get; } = $"{service.ToLowerInvariant()}-{index + 1}";

    public TcpProxy Database { get; } = database;

    public TcpProxy Broker { get; } = broker;

    /// <summary>File with the offset of its clock, where it runs under libfaketime.</summary>
    public string? ClockFile => settings.GetValueOrDefault("FAKETIME_TIMESTAMP_FILE");

    /// <summary>Deaths that nobody asked for, stops that failed, exceptions that nobody handled.</summary>
    public IReadOnlyList<string> Failures
    {
        get
        {
            lock (_failures)
                return [.. _failures];
        }
    }

    /// <summary>Number of processes that it has been.</summary>
    public int Runs => _runs;

    public bool IsUp => _process is { HasExited: false } && !_down;

    /// <summary>Resident memory in MB; null while it is down.</summary>
    public double? MemoryMb
    {
        get
        {
            try
            {
                return _process is { HasExited: false } process
                    ? long.Parse(File.ReadAllText($"/proc/{process.Id}/statm").Split(' ')[1], CultureInfo.InvariantCulture) * Environment.SystemPageSize / 1e6
                    : null;
            }
            catch (IOException)
            {
                return null;
            }
        }
    }

    /// <summary>Starts it; returns at once.</summary>
    public void Start()
    {
        _runs++;
        _process = new DacProcess(Service, settings, "--urls", "http://127.0.0.1:0", $"--Collector:Name={Name}");
        _down = false;
    }

    public Task ReadyAsync() => _process!.ReadyAsync();

    /// <summary>A metric's current value, summed over its labels; null where it does not answer.</summary>
    public async Task<double?> MetricAsync(string name)
    {
        try
        {
            if (!IsUp || _process is not { } process || await process.GetAsync("/metrics") is not { IsSuccessStatusCode: true } answer)
                return null;
            using (answer)
            {
                return Regex.Matches(await answer.Content.ReadAsStringAsync(), $@"^{name}(?:{{[^}}]*}})? (\S+)", RegexOptions.Multiline)
                    .Sum(m => double.Parse(m.Groups[1].ValueSpan, CultureInfo.InvariantCulture));
            }
        }
        // Down, or stopped with SIGSTOP.
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException or Xunit.Sdk.XunitException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>kill -9, and after a while start again.</summary>
    public Task KillAsync(TimeSpan gone) => TakeTurnAsync(async () =>
    {
        await DieAsync();
        await Task.Delay(gone);
        Start();
    });

    /// <summary>SIGTERM, and when it has ended and a while is over start again.</summary>
    public Task StopAsync(TimeSpan gone) => TakeTurnAsync(async () =>
    {
        await EndAsync();
        await Task.Delay(gone);
        Start();
    });

    /// <summary>SIGSTOP, and after a while SIGCONT.</summary>
    public Task PauseAsync(TimeSpan pause) => TakeTurnAsync(async () =>
    {
        await _process!.SignalAsync("STOP");
        await Task.Delay(pause);
        await _process.SignalAsync("CONT");
    });

    /// <summary>SIGTERM, for good.</summary>
    public Task StopAsync() => TakeTurnAsync(EndAsync);

    /// <summary>Notes a death that nobody asked for, and starts it again.</summary>
    public async Task WatchAsync()
    {
        if (!await _turn.WaitAsync(0))
            return;
        try
        {
            if (_down || _process is not { HasExited: true } process)
                return;
            Fail($"{Name} (process {process.Id}) has ended by itself with exit code {await process.EndAsync()}");
            await BuryAsync();
            Start();
        }
        finally
        {
            _turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
            await DieAsync();
        await Database.DisposeAsync();
        await Broker.DisposeAsync();
        _turn.Dispose();
    }

    private async Task DieAsync()
    {
        _down = true;
        if (_process is { HasExited: false })
            await _process.KillAsync();
        await BuryAsync();
    }

    private async Task EndAsync()
    {
        _down = true;
        try
        {
            if (_process is { HasExited: false } && await _process.StopAsync() is not 0 and var code)
                Fail($"{Name} ended a clean stop with exit code {code}");
        }
        catch (TimeoutException)
        {
            Fail($"{Name} did not end within 90 s of SIGTERM");
            await _process!.KillAsync();
        }
        await BuryAsync();
    }

    // Its log goes to a file, and is searched for what must not be there.
    private async Task BuryAsync()
    {
        if (_process is not { } process)
            return;
        _process = null;
        var output = process.Output;
        await File.WriteAllTextAsync(Path.Combine(logs, $"{Name}.{_runs}.log"), output);
        foreach (var line in output.Split('\n').Where(l => l.Contains("Unhandled exception", StringComparison.OrdinalIgnoreCase) || l.Contains(" FTL ", StringComparison.Ordinal) || l.Contains("A prober threw", StringComparison.Ordinal)))
            Fail($"{Name}.{_runs}.log: {line}");
        await process.DisposeAsync();
    }

    private void Fail(string failure)
    {
        lock (_failures)
            _failures.Add(failure);
    }

    private async Task TakeTurnAsync(Func<Task> action)
    {
        await _turn.WaitAsync();
        try
        {
            await action();
        }
        finally
        {
            _turn.Release();
        }
    }
}
