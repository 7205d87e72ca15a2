using Dac.Hosting;
using Dac.Storage;

namespace Dac.Scheduler;

/// <summary>WHEN: plans every probe and publishes it.</summary>
public static class SchedulerModule
{
    /// <summary>Registers the scheduler; needs the database, and the bus to publish on.</summary>
    public static void AddScheduler(this IHostApplicationBuilder builder)
    {
        builder.AddTopology();
        builder.AddCheckedOptions<SchedulerOptions>("Scheduler");
        builder.AddStorage();
        builder.AddPublishing();
        builder.Services.AddSingleton<Catalogue>();
        builder.Services.AddSingleton<Dispatcher>();
        builder.Services.AddSingleton<PlanMemory>();
        builder.Services.AddSingleton<PlanLease>();
        builder.Services.AddSingleton<PlanHealth>();
        builder.Services.AddHealthChecks().AddCheck<PlanHealth>("plan");
        builder.Services.AddSingleton<PlanProof>();
        builder.Services.AddSingleton<ResultBacklog>();
        builder.AddJob<PlanJob>(TimeSpan.FromSeconds(1));
        builder.Services.AddSingleton<QueueWatch>();
        builder.AddJob<QueueWatchJob>(TimeSpan.FromSeconds(10));
        builder.AddJob<AuditJob>(TimeSpan.FromSeconds(5));
    }
}
