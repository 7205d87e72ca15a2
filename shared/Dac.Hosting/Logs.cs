using Microsoft.Extensions.Hosting;
using Serilog;
using Serilog.Events;

namespace Dac.Hosting;

internal static class Logs
{
    /// <summary>Serilog to the console, and to Seq when <c>Seq:ServerUrl</c> is set; levels by the section <c>Serilog</c>.</summary>
    public static void AddLogs(this IHostApplicationBuilder builder, string service)
    {
        var seq = builder.Configuration["Seq:ServerUrl"];
        if (!string.IsNullOrEmpty(seq) && !(Uri.TryCreate(seq, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"))
            throw new StartRefusedException("Seq:ServerUrl is not a URL: give one like http://127.0.0.1:5341, or leave it out.");
        builder.Services.AddSerilog(
            (_, logger) =>
            {
                logger.MinimumLevel.Information()
                    .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
                    .MinimumLevel.Override("Microsoft.Hosting.Lifetime", LogEventLevel.Information)
                    // A refused start is told in a sentence, and a failed statement by whoever ran it.
                    .MinimumLevel.Override("Microsoft.Extensions.Hosting.Internal.Host", LogEventLevel.Fatal)
                    .MinimumLevel.Override("Microsoft.EntityFrameworkCore.Database.Connection", LogEventLevel.Fatal)
                    .MinimumLevel.Override("Microsoft.EntityFrameworkCore.Database.Command", LogEventLevel.Fatal)
                    .MinimumLevel.Override("Microsoft.EntityFrameworkCore.Query", LogEventLevel.Fatal)
                    .MinimumLevel.Override("Microsoft.EntityFrameworkCore.Update", LogEventLevel.Fatal)
                    .MinimumLevel.Override("System", LogEventLevel.Warning)
                    .MinimumLevel.Override("Quartz", LogEventLevel.Warning)
                    .MinimumLevel.Override("MassTransit", LogEventLevel.Warning)
                    .Enrich.FromLogContext()
                    .Enrich.WithProperty("Service", service)
                    // A send that failed is told by whoever sent it, in a line.
                    .Filter.ByExcluding(e => e.MessageTemplate.Text.StartsWith("S-FAULT", StringComparison.Ordinal))
                    // That a service is still starting, its health check answers; what keeps it is told by whoever meets it.
                    .Filter.ByExcluding(IsStarting)
                    .Filter.With(new LogThrottle(TimeProvider.System))
                    // Apart, so that what the console shows of an exception goes to no other sink.
                    .WriteTo.Logger(console => console.Enrich.With<LogCause>().WriteTo.Console(
                        outputTemplate: "{Timestamp:HH:mm:ss.fff} {Level:u3} {Service} {Message:lj}{Suppressed: (+0)}{ExceptionCause:l}{NewLine}{ExceptionTrace:l}", formatProvider: System.Globalization.CultureInfo.InvariantCulture))
                    .ReadFrom.Configuration(builder.Configuration);
                // By which users filter what several collectors say.
                if (service == "collector")
                    logger.Enrich.WithProperty("Location", builder.Configuration["Collector:Location"] ?? "default");
                if (!string.IsNullOrEmpty(seq))
                    logger.WriteTo.Seq(seq, apiKey: builder.Configuration["Seq:ApiKey"], queueSizeLimit: 10_000, formatProvider: System.Globalization.CultureInfo.InvariantCulture);
            },
            preserveStaticLogger: true);
    }

    // What the bus and the plan (PlanHealth) say until they have begun.
    private static bool IsStarting(LogEvent e) =>
        e.Properties.TryGetValue("HealthCheckDescription", out var why) && why is ScalarValue { Value: "Not ready: not started" or "nothing planned yet: starting" };
}
