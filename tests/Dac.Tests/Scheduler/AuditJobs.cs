using Dac.Scheduler;
using Dac.Storage;
using Dac.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Dac.Tests.Scheduler;

internal static class AuditJobs
{
    /// <summary>The audit as a scheduler runs it; without a broker unless one is given.</summary>
    public static AuditJob AuditJob(this TestDatabase database, TimeProvider time, string? broker = null)
    {
        var (contexts, names, memory) = (database.Get<IDbContextFactory<DacDbContext>>(), database.Get<NameIds>(), new PlanMemory(time));
        return new AuditJob(
            database.Get<IAuditStore>(), new GapPlan(contexts, names), new PlanProof(contexts, names, memory, NullLogger<PlanProof>.Instance),
            new ResultBacklog(new ConfigurationBuilder().AddInMemoryCollection([new("ConnectionStrings:Broker", broker)]).Build()), memory, Options.Create(new SchedulerOptions()), NullLogger<AuditJob>.Instance);
    }
}
