using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.RegularExpressions;
using Dac.SystemTests.Fixtures;

namespace Dac.SystemTests.Distributed;

/// <summary>A service as a process of its own, as shipped.</summary>
public sealed partial class DacProcess : IAsyncDisposable
{
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(5) };

    private readonly ConcurrentQueue<string> _output = new();
    private readonly Process _process;

    public DacProcess(string service, IReadOnlyDictionary<string, string> settings, params string[] args)
    {
        Service = service;
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, $"Dac.{service}.dll"), .. args])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),
        };
        foreach (var (key, value) in settings)
            start.Environment[key] = value;
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) => _output.Enqueue(line.Data ?? "");
        _process.ErrorDataReceived += (_, line) => _output.Enqueue(line.Data ?? "");
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public string Service { get; }

    public int Id => _process.Id;

    /// <summary>What it has written so far.</summary>
    public string Output => string.Join('\n', _output);

    /// <summary>Where it listens, once it does.</summary>
    public Uri Url => new(ListeningOn().Match(Output).Groups[1].Value);

    public bool HasExited => _process.HasExited;

    /// <summary>Starts a service on a port of its own and waits until it is ready.</summary>
    public static async Task<DacProcess> StartAsync(string service, IReadOnlyDictionary<string, string> settings, params string[] args)
    {
        var process = new DacProcess(service, settings, ["--urls", "http://127.0.0.1:0", .. args]);
        await process.ReadyAsync();
        return process;
    }

    public async Task ReadyAsync() =>
        await Poll.UntilAsync($"{Service} is ready", async () => await GetAsync("/health/ready") is { IsSuccessStatusCode: true }, TimeSpan.FromMinutes(2));

    /// <summary>Asks it over HTTP; null while it does not listen yet, or does not answer within 5 s.</summary>
    public async Task<HttpResponseMessage?> GetAsync(string path)
    {
        Assert.False(_process.HasExited, $"{Service} has ended:\n{Output}");
        if (ListeningOn().Match(Output) is not { Success: true } url)
            return null;
        try
        {
            return await Http.GetAsync(new Uri(url.Groups[1].Value + path));
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException { InnerException: TimeoutException })
        {
            return null;
        }
    }

    /// <summary>kill -9.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>SIGTERM, as Docker and Kubernetes send it; returns the exit code.</summary>
    public async Task<int> StopAsync()
    {
        await SignalAsync("TERM");
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(90), TestContext.Current.CancellationToken);
        return _process.ExitCode;
    }

    /// <summary>Sends a signal, such as STOP or CONT.</summary>
    public async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{_process.Id}"]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Waits for its own end; returns the exit code.</summary>
    public async Task<int> EndAsync()
    {
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            await KillAsync();
        _process.Dispose();
    }

    [GeneratedRegex(@"Now listening on: (http://\S+)")]
    private static partial Regex ListeningOn();
}
