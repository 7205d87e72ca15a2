using Dac.Collector;
using Dac.Scheduler;
using Dac.Web;
using Dac.Writer;

namespace Dac.Standalone;

/// <summary>ALL: the four services in one process.</summary>
public static class StandaloneModule
{
    /// <summary>Registers all modules, each as its own service does.</summary>
    public static void AddStandalone(this IHostApplicationBuilder builder)
    {
        builder.AddWriter();
        builder.AddCollector();
        builder.AddScheduler();
        builder.AddWeb();
    }
}
