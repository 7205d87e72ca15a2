using Dac.Contracts;
using Dac.Hosting;
using Dac.Storage;
using MassTransit;
using Microsoft.Extensions.Options;

namespace Dac.Writer;

/// <summary>KEEP: stores every result exactly once, and keeps the tables in shape.</summary>
public static class WriterModule
{
    /// <summary>Registers the writer; needs the database and the bus.</summary>
    public static void AddWriter(this IHostApplicationBuilder builder)
    {
        builder.AddCheckedOptions<WriterOptions>("Writer");
        builder.AddStorage();
        builder.Services.AddSingleton<ResultWriter>();
        builder.Services.AddHostedService(p => p.GetRequiredService<ResultWriter>());
        builder.Services.AddHealthChecks().AddCheck<ResultWriter>("writing");
        builder.AddIdle(p => p.GetRequiredService<ResultWriter>().Waiting == 0);
        builder.AddConsumer<ProbeResultConsumer>((context, bus) => bus.ReceiveFrom(Queues.ProbeResult, endpoint =>
        {
            var options = context.GetRequiredService<IOptions<WriterOptions>>().Value;
            endpoint.PrefetchCount = options.Prefetch;
            endpoint.ConcurrentMessageLimit = options.Prefetch;
            endpoint.ConfigureConsumer<ProbeResultConsumer>(context);
        }));
        builder.AddJob<MaintenanceJob>(TimeSpan.FromHours(1));
    }
}
