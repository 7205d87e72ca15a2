using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Serilog;

namespace Dac.Hosting;

/// <summary>What every service is built on: settings, logs, metrics, traces, health, the bus, and a stop that leaves time to finish.</summary>
public static class DacHost
{
    /// <summary>
    /// How long a stop may take: what a collector holds is due within the plan's lead of 3 s and may run for its timeout.
    /// The bus is given 5 s less, a pod (terminationGracePeriodSeconds) 15 s more.
    /// </summary>
    public static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(75);

    /// <summary>Makes a host with the defaults of all services.</summary>
    /// <param name="service">Name of the service in logs, metrics and traces.</param>
    /// <param name="args">Command line; <c>--Section:Key=value</c> and <c>--urls</c> are settings.</param>
    /// <param name="url">Where health, metrics and, on the web service, pages are served by default.</param>
    public static WebApplicationBuilder CreateBuilder(string service, string[] args, string url)
    {
        // Content root is the program's folder, so that its appsettings are found from wherever it is started.
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
        if (string.IsNullOrEmpty(builder.Configuration["urls"]) && string.IsNullOrEmpty(builder.Configuration["http_ports"]))
            builder.WebHost.UseUrls(url);
        builder.Services.Configure<HostOptions>(o =>
        {
            o.ShutdownTimeout = StopTimeout;
            // Health is served while the service still waits for its database. (Jobs begin when all have started; stopping keeps its order.)
            o.ServicesStartConcurrently = true;
        });
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.AddLogs(service);
        builder.AddTelemetry(service);
        builder.Services.AddHealthChecks();
        builder.Services.AddSingleton(new BusParts(service));
        return builder;
    }

    /// <summary>Makes, configures and runs a service until it is told to stop; with the one argument <c>--health</c>, asks the one that runs already.</summary>
    /// <returns>0, or 1 where the start was refused, with the reason on the console.</returns>
    public static async Task<int> RunAsync(
        string service, string[] args, string url, Action<WebApplicationBuilder> configure, Action<WebApplication>? map = null)
    {
        if (args is ["--health"])
            return await Health.AskAsync(url);
        try
        {
            var builder = CreateBuilder(service, args, url);
            configure(builder);
            await using var app = Build(builder, map);
            await app.RunAsync();
            return 0;
        }
        // Several services that were starting at once come as one exception.
        catch (Exception e) when (e is OperationCanceledException || e is AggregateException all && all.InnerExceptions.All(i => i is OperationCanceledException))
        {
            // Told to stop while it was starting.
            return 0;
        }
        catch (Exception e) when (Refusal(e) is { } reason)
        {
            await Console.Error.WriteLineAsync(reason);
            return 1;
        }
        finally
        {
            await Log.CloseAndFlushAsync();
        }
    }

    /// <summary>Builds the host with its bus and jobs, health and metrics.</summary>
    public static WebApplication Build(WebApplicationBuilder builder, Action<WebApplication>? map = null)
    {
        builder.AddBus();
        var app = builder.Build();
        app.MapHealth();
        app.MapPrometheusScrapingEndpoint("/metrics");
        Telemetry.StartCounters();
        map?.Invoke(app);
        return app;
    }

    /// <summary>Adds options that are checked at start: a bad value refuses it and names the key, the value and what is allowed.</summary>
    public static void AddCheckedOptions<TOptions>(this IHostApplicationBuilder builder, string section)
        where TOptions : class, new()
    {
        if (builder.Services.Any(s => s.ServiceType == typeof(IValidateOptions<TOptions>)))
            return;
        builder.Services.AddOptions<TOptions>().BindConfiguration(section).ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<TOptions>>(new OptionsCheck<TOptions>(section, builder.Configuration));
    }

    /// <summary>Adds <see cref="TopologyOptions"/>.</summary>
    public static void AddTopology(this IHostApplicationBuilder builder) => builder.AddCheckedOptions<TopologyOptions>("Topology");

    /// <summary>Refuses the start of a service that is nothing without a broker.</summary>
    /// <exception cref="StartRefusedException"><c>ConnectionStrings:Broker</c> is not set, or is no AMQP URI.</exception>
    public static void RequireBroker(this IHostApplicationBuilder builder)
    {
        if (builder.Broker() is null)
            throw new StartRefusedException("ConnectionStrings:Broker is not set: give an AMQP URI like amqp://user:password@host:5672/vhost (environment: ConnectionStrings__Broker), or run Dac.Standalone, which needs no broker.");
    }

    /// <summary>The sentence for the user where an exception is a refused start and not a bug, else null.</summary>
    public static string? Refusal(Exception e) => e switch
    {
        AggregateException all => all.InnerExceptions.Select(Refusal).FirstOrDefault(reason => reason is not null),
        StartRefusedException => e.Message,
        OptionsValidationException options => string.Join(Environment.NewLine, options.Failures),
        // The binder's message names key, value and type, and not what to write instead.
        InvalidOperationException { InnerException: FormatException or ArgumentException or OverflowException } when e.Message.Contains("configuration value", StringComparison.Ordinal) => $"{e.Message} {Form(e.Message)}",
        // Of where to listen, and of the logs' level, in the words of who reads these settings.
        InvalidOperationException when e.Source is "Microsoft.AspNetCore.Server.Kestrel.Core" => e.Message,
        FormatException when e.Source is "Microsoft.AspNetCore.Http" => $"{e.Message}. Give an address like --urls http://127.0.0.1:8080.",
        InvalidOperationException when e.Source is "Serilog.Settings.Configuration" => $"Serilog:MinimumLevel: {e.Message}",
        SocketException { SocketErrorCode: SocketError.AddressNotAvailable or SocketError.AccessDenied } when e.StackTrace?.Contains("Kestrel", StringComparison.Ordinal) == true => $"{e.Message}: give an address of this machine, and a port that this user may listen on (from 1024), with --urls http://ADDRESS:PORT.",
        IOException { InnerException: Microsoft.AspNetCore.Connections.AddressInUseException } => $"{e.Message} Give another one with --urls http://127.0.0.1:PORT.",
        _ => null,
    };

    private static string Form(string message) =>
        message.Contains(nameof(TimeSpan), StringComparison.Ordinal) ? "Write hours:minutes:seconds, like 00:00:03."
        : message.Contains(nameof(Boolean), StringComparison.Ordinal) ? "Write true or false."
        : message.Contains("System.Int", StringComparison.Ordinal) ? "Write a whole number." : "docs/configuration.md has what is allowed.";
}
