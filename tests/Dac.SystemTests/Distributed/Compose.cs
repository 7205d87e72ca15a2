using System.Diagnostics;
using System.Text.Json;

namespace Dac.SystemTests.Distributed;

/// <summary>
/// docker-compose.yml under a project name, passwords and ports of its own. Removed with its volumes at the end. Without Docker the test is skipped, or fails where
/// <c>CI</c> is <c>true</c>.
/// </summary>
public sealed class Compose : IAsyncDisposable
{
    private readonly string _project = $"dac-test-{Guid.NewGuid():N}"[..17];
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("dac-compose");

    private Compose(string root) => Root = root;

    public string Root { get; }

    private string EnvFile => Path.Combine(_folder.FullName, ".env");

    /// <summary>Writes the settings as a user does, but starts nothing yet.</summary>
    public static async Task<Compose> CreateAsync()
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "docker-compose.yml")))
            root = Path.GetDirectoryName(root)!;
        var compose = new Compose(root);
        if (await compose.TryAsync("docker", "compose", "version") != 0 || await compose.TryAsync("docker", "version") != 0)
        {
            Assert.True(Environment.GetEnvironmentVariable("CI") != "true", "docker compose does not answer.");
            Assert.Skip("docker compose does not answer: start Docker, or run infra/docker-engine.sh as root on Debian.");
        }
        Assert.Equal(0, (await compose.RunAsync(Path.Combine(root, "infra", "make-env.sh"), compose.EnvFile)).Code);
        return compose;
    }

    /// <summary>A setting of the .env file.</summary>
    public string Setting(string name) => File.ReadLines(EnvFile).Single(l => l.StartsWith(name + "=", StringComparison.Ordinal))[(name.Length + 1)..];

    /// <summary>docker compose with these arguments; its output, and a failed test where it fails.</summary>
    public async Task<string> DoAsync(params string[] args)
    {
        var (code, output, errors) = await RunAsync("docker", ["compose", "--project-directory", Root, "--env-file", EnvFile, "-p", _project, .. args]);
        Assert.True(code == 0, $"docker compose {string.Join(' ', args)} ended with {code}:\n{output}\n{errors}");
        return output;
    }

    /// <summary>All containers, also those that have ended: service, state, health and exit code.</summary>
    public async Task<IReadOnlyList<Container>> ContainersAsync() =>
        [.. (await DoAsync("ps", "-a", "--format", "json")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonSerializer.Deserialize<Container>(line)!)];

    /// <summary>Where a port of a service is published.</summary>
    public async Task<Uri> PublishedAsync(string service, int port) => new($"http://{(await DoAsync("port", service, $"{port}")).Trim()}");

    public async ValueTask DisposeAsync()
    {
        // With the profile, so that nothing of it stays.
        await RunAsync("docker", ["compose", "--project-directory", Root, "--env-file", EnvFile, "-p", _project, "--profile", "*", "down", "-v", "-t", "5", "--remove-orphans"]);
        _folder.Delete(recursive: true);
    }

    /// <summary>Runs a program to its end.</summary>
    public async Task<(int Code, string Output, string Errors)> RunAsync(string program, params string[] args)
    {
        var start = new ProcessStartInfo(program, args) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Root };
        // Images of their own, and ports that Docker picks.
        start.Environment["DAC_VERSION"] = "test";
        foreach (var port in new[] { "DAC_WEB_PORT", "DAC_RABBITMQ_PORT", "DAC_SEQ_PORT" })
            start.Environment[port] = "0";
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await errors);
    }

    private async Task<int> TryAsync(string program, params string[] args)
    {
        try
        {
            return (await RunAsync(program, args)).Code;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return -1;
        }
    }

    /// <summary>A line of docker compose ps.</summary>
    public sealed record Container(string Service, string State, string Health, int ExitCode);
}
