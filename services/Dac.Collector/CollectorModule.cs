using System.Text;
using Dac.Collector.Probing;
using Dac.Contracts;
using Dac.Hosting;
using MassTransit;
using Microsoft.Extensions.Options;

namespace Dac.Collector;

/// <summary>WHAT: probes each slot at its millisecond and reports what became of it. Knows no database.</summary>
public static class CollectorModule
{
    /// <summary>Registers the collector; needs the bus.</summary>
    public static void AddCollector(this IHostApplicationBuilder builder)
    {
        builder.AddTopology();
        builder.AddCheckedOptions<CollectorOptions>("Collector");
        builder.AddPublishing();
        // Stopped in reverse order: first the bus, then what it has left running, then the reporter.
        builder.Services.AddSingleton<ResultReporter>();
        builder.Services.AddHostedService(p => p.GetRequiredService<ResultReporter>());
        builder.Services.AddSingleton<DueThread>();
        builder.Services.AddHostedService(p => p.GetRequiredService<DueThread>());
        builder.Services.AddSingleton<Slots>();
        builder.Services.AddHostedService(p => p.GetRequiredService<Slots>());
        builder.Services.AddSingleton(_ => new PauseWatch(TimeProvider.System));
        builder.Services.AddHostedService(p => p.GetRequiredService<PauseWatch>());
        builder.Services.AddSingleton(p => new ConnectionTable(p.GetRequiredService<TimeProvider>()));
        builder.Services.AddSingleton<ClockOffset>();
        builder.Services.AddSingleton<ProbeLimits>();
        builder.Services.AddSingleton<ProbeRunner>();
        builder.Services.AddProbing();
        builder.Services.AddHealthChecks().AddCheck<Slots>("partitions");
        builder.AddIdle(p => p.GetRequiredService<Slots>().Count == 0 && p.GetRequiredService<ResultReporter>().Waiting == 0);
        builder.AddConsumer<ProbeBatchConsumer>((context, bus) =>
        {
            var options = context.GetRequiredService<IOptions<CollectorOptions>>().Value;
            for (var partition = 0; partition < context.GetRequiredService<IOptions<TopologyOptions>>().Value.Partitions; partition++)
            {
                bus.ReceiveFrom(Queues.ProbeUrl(options.Location, partition), endpoint =>
                {
                    endpoint.PrefetchCount = options.PrefetchPerPartition;
                    endpoint.ConcurrentMessageLimit = options.PrefetchPerPartition;
                    endpoint.ConfigureConsumer<ProbeBatchConsumer>(context);
                });
            }
        });
    }

    /// <summary>The probers and what they share; the command line probes without the rest.</summary>
    public static void AddProbing(this IServiceCollection services)
    {
        Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);
        services.AddSingleton(p => new EgressGuard(p.GetRequiredService<IOptions<CollectorOptions>>().Value));
        services.AddSingleton<SecretReader>();
        services.AddSingleton<BodyMemory>();
        services.AddSingleton<ConnectRate>();
        services.AddSingleton<NameResolver>();
        services.AddSingleton<Connector>();
        services.AddSingleton<IProber, HttpProber>();
        services.AddSingleton<IProber, TcpProber>();
        services.AddSingleton<IProber, DnsProber>();
        services.AddSingleton<IProber, IcmpProber>();
        services.AddSingleton<IProber, WsProber>();
        services.AddSingleton<IProber, GrpcProber>();
    }
}
