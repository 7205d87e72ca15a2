using Dac.Collector;
using Dac.Collector.Probing;
using Microsoft.Extensions.Options;

namespace Dac.Tests.Collector;

/// <summary>Probers as the module builds them, with settings of the test's own.</summary>
public static class Probers
{
    public static IProber Http(CollectorOptions options) => All(options).Single(p => p.Schemes.Contains("http"));

    public static IEnumerable<IProber> All(CollectorOptions options)
    {
        var services = new ServiceCollection();
        services.AddSingleton(Options.Create(options));
        services.AddSingleton(TimeProvider.System);
        services.AddProbing();
        return services.BuildServiceProvider().GetServices<IProber>();
    }
}
