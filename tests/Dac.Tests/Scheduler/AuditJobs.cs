using Dac.Hosting;
using Dac.Scheduler;
using Dac.Storage;
using Dac.Tests.Support;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Dac.Tests.Scheduler;

internal static class AuditJobs
{
    /// <summary>The audit as a scheduler runs it; without a broker unless one is given, and then over a bus of its own unless one is given.</summary>
    public static AuditJob AuditJob(this TestDatabase database, TimeProvider time, string? broker = null, PublishBus? bus = null, ILogger<ResultBacklog>? logger = null)
    {
        var (contexts, names, memory) = (database.Get<IDbContextFactory<DacDbContext>>(), database.Get<NameIds>(), new PlanMemory(time));
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("ConnectionStrings:Broker", broker)]).Build();
        var services = new ServiceCollection().AddSingleton(MassTransit.Bus.Factory.CreateUsingInMemory(_ => { })).BuildServiceProvider();
        bus ??= new PublishBus(services, configuration, new BusParts("test"), Options.Create(new TopologyOptions()), time, NullLoggerFactory.Instance);
        return new AuditJob(
            database.Get<IAuditStore>(), new GapPlan(contexts, names), new PlanProof(contexts, names, memory, NullLogger<PlanProof>.Instance),
            new ResultBacklog(configuration, bus, time, logger ?? NullLogger<ResultBacklog>.Instance), memory, Options.Create(new SchedulerOptions()), NullLogger<AuditJob>.Instance);
    }
}
