using System.Net;
using System.Net.Sockets;
using Docker.DotNet.Models;
using DotNet.Testcontainers.Containers;

namespace Dac.SystemTests.Fixtures;

/// <summary>
/// A container that is started when the first test asks for it, on loopback ports that it keeps over stop and start. A test that stops or pauses
/// makes one of its own (<c>await using var server = new PostgreSql()</c>): the others share the assembly's.
/// </summary>
public abstract class LoopbackContainer<TContainer> : IAsyncDisposable
    where TContainer : class, IContainer
{
    private readonly Lazy<Task<TContainer>> _container;

    protected LoopbackContainer() => _container = new(StartOnceAsync);

    /// <summary>Stops it the way an operator does; what is stored stays.</summary>
    public async Task StopAsync() => await (await ContainerAsync()).StopAsync(Cancel);

    /// <summary>Starts it again and returns when it answers.</summary>
    public async Task StartAsync()
    {
        var container = await ContainerAsync();
        await container.StartAsync(Cancel);
        await ReadyAsync(container);
    }

    /// <summary>Stops and starts it.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        await StartAsync();
    }

    /// <summary>Kills the processes inside with SIGKILL, as a power cut would; <see cref="StartAsync"/> brings them back.</summary>
    public async Task KillAsync()
    {
        var container = await ContainerAsync();
        using var docker = DotNet.Testcontainers.Configurations.TestcontainersSettings.OS.DockerEndpointAuthConfig.GetDockerClientBuilder().Build();
        await docker.Containers.KillContainerAsync(container.Id, new ContainerKillParameters { Signal = "KILL" }, Cancel);
    }

    /// <summary>CPU time that it has used so far, in ms, and its memory in MB without the files that it has read.</summary>
    public async Task<(double CpuMs, double MemoryMb)> UsageAsync()
    {
        var container = await ContainerAsync();
        using var docker = DotNet.Testcontainers.Configurations.TestcontainersSettings.OS.DockerEndpointAuthConfig.GetDockerClientBuilder().Build();
        ContainerStatsResponse? stats = null;
        await docker.Containers.GetContainerStatsAsync(container.Id, new ContainerStatsParameters { Stream = false, OneShot = true }, new Last(s => stats = s), Cancel);
        var memory = stats?.MemoryStats;
        var files = memory?.Stats is { } parts && (parts.TryGetValue("total_inactive_file", out var old) || parts.TryGetValue("inactive_file", out old)) ? old : 0;
        return ((stats?.CPUStats?.CPUUsage?.TotalUsage ?? 0) / 1e6, ((memory?.Usage ?? 0) - files) / 1e6);
    }

    /// <summary>Freezes it: connections stay open and nothing answers.</summary>
    public async Task PauseAsync() => await (await ContainerAsync()).PauseAsync(Cancel);

    /// <summary>Lets it go on.</summary>
    public async Task UnpauseAsync() => await (await ContainerAsync()).UnpauseAsync(Cancel);

    /// <summary>Removes the container.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_container is { IsValueCreated: true, Value.IsCompletedSuccessfully: true })
            await (await _container.Value).DisposeAsync();
        GC.SuppressFinalize(this);
    }

    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The running container. Without Docker the test is skipped, or fails where <c>CI</c> is <c>true</c>.</summary>
    protected async Task<TContainer> ContainerAsync()
    {
        try
        {
            return await _container.Value;
        }
        catch (DotNet.Testcontainers.Builders.DockerUnavailableException e) when (Environment.GetEnvironmentVariable("CI") != "true")
        {
            Assert.Skip($"Docker can't be reached ({e.Message.Split('\n')[0].Trim()}): start it, or run infra/docker-engine.sh as root on Debian.");
            throw;
        }
    }

    protected abstract TContainer Build();

    protected abstract Task ReadyAsync(TContainer container);

    /// <summary>A port that is free now, published on loopback only, and the same after a restart (a port that Docker picks is not).</summary>
    protected static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    protected static void OnLoopback(CreateContainerParameters parameters)
    {
        foreach (var binding in parameters.HostConfig!.PortBindings!.Values.SelectMany(bindings => bindings))
            binding.HostIP = "127.0.0.1";
    }

    private async Task<TContainer> StartOnceAsync()
    {
        var container = Build();
        await container.StartAsync(CancellationToken.None);
        await ReadyAsync(container);
        return container;
    }

    private sealed class Last(Action<ContainerStatsResponse> take) : IProgress<ContainerStatsResponse>
    {
        public void Report(ContainerStatsResponse value) => take(value);
    }
}
