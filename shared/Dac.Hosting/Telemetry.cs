using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Dac.Hosting;

/// <summary>The one source of traces and the one meter of all services; names and units are in <c>docs/operations.md</c>.</summary>
public static class Telemetry
{
    /// <summary>Name of both.</summary>
    public const string Name = "Dac";

    /// <summary>Spans of a sampled slot: plan slot, probe, store.</summary>
    public static readonly ActivitySource Source = new(Name);

    /// <summary>Counters and histograms.</summary>
    public static readonly Meter Meter = new(Name);

    internal static void AddTelemetry(this IHostApplicationBuilder builder, string service)
    {
        var ratio = builder.Configuration.GetValue("Telemetry:TraceSampleRatio", 0.01);
        if (ratio is not (>= 0 and <= 1))
            throw new StartRefusedException($"Telemetry:TraceSampleRatio is {ratio}; allowed is 0 to 1, default 0.01.");
        var export = !string.IsNullOrEmpty(builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]);
        var telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(r => r.AddService($"dac-{service}"))
            .WithMetrics(m => m
                .AddMeter(Name, "System.Runtime", "Npgsql", "MassTransit")
                .AddView("dac.slot.lateness", new ExplicitBucketHistogramConfiguration { Boundaries = [0.0005, 0.001, 0.002, 0.004, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5] })
                .AddPrometheusExporter());
        // Nobody listens, nothing is recorded: without an exporter traces cost nothing.
        if (export)
        {
            telemetry.WithTracing(t => t
                .AddSource(Name)
                .SetSampler(new ParentBasedSampler(new TraceIdRatioBasedSampler(ratio)))
                .AddOtlpExporter());
        }
    }
}
