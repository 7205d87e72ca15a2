using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Dac.Hosting;

/// <summary>The one source of traces and the one meter of all services; names and units are in <c>docs/metrics.md</c>.</summary>
public static class Telemetry
{
    /// <summary>Name of both.</summary>
    public const string Name = "Dac";

    /// <summary>Spans of a sampled slot: plan slot, probe, store.</summary>
    public static readonly ActivitySource Source = new(Name);

    /// <summary>Counters and histograms.</summary>
    public static readonly Meter Meter = new(Name);

    // From half a millisecond, what a good collector is late, to ten minutes, a backlog that is being worked off.
    private static readonly double[] Seconds =
        [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 600];

    private static readonly double[] Sizes = [1, 4, 16, 32, 64, 128, 256, 512, 1_000, 2_000, 5_000, 20_000];

    /// <summary>Time series of a metric that is not by partition. Memory for all of them is set aside for each metric, by itself for 2,000, and each full collection passes over it.</summary>
    private const int Series = 400;

    /// <summary>
    /// Shows every counter of the process from its start, at zero: to Prometheus a counter that comes into being at 12 has not increased.
    /// (Those with tags are fields of an instance, which sees to it itself.)
    /// </summary>
    internal static void StartCounters()
    {
        var fields = AppDomain.CurrentDomain.GetAssemblies()
            .Where(a => a.GetName().Name is { } name && name.StartsWith("Dac.", StringComparison.Ordinal))
            .SelectMany(a => a.GetTypes())
            .Where(t => !t.ContainsGenericParameters)
            .SelectMany(t => t.GetFields(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public));
        foreach (var field in fields)
        {
            if (field.FieldType == typeof(Counter<long>))
                ((Counter<long>)field.GetValue(null)!).Add(0);
            else if (field.FieldType == typeof(Counter<double>))
                ((Counter<double>)field.GetValue(null)!).Add(0);
        }
    }

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
                .AddView(i => i.Meter.Name != Name ? new MetricStreamConfiguration { CardinalityLimit = Series }
                    : IsHistogram(i) ? new ExplicitBucketHistogramConfiguration { Boundaries = i.Unit == "s" ? Seconds : Sizes, CardinalityLimit = Series } : null)
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

    private static bool IsHistogram(Instrument instrument) => instrument is Histogram<int> or Histogram<double>;
}
