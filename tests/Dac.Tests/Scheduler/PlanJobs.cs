using Dac.Hosting;
using Dac.Scheduler;
using Dac.Storage;
using Dac.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Dac.Tests.Scheduler;

internal static class PlanJobs
{
    /// <summary>A scheduler's planning as it is shipped, with its catalogue.</summary>
    /// <param name="database">Its database.</param>
    /// <param name="bus">Where it publishes.</param>
    /// <param name="time">Its clock.</param>
    /// <param name="deadlines">The clock of what it waits for the database; null: the same.</param>
    public static (PlanJob Job, Catalogue Catalogue) PlanJob(this TestDatabase database, PublishBus bus, TimeProvider time, TimeProvider? deadlines = null)
    {
        var (options, settings) = (Options.Create(new SchedulerOptions()), new ConfigurationBuilder().Build());
        var catalogue = new Catalogue(database.Get<IDbContextFactory<DacDbContext>>(), database.Get<NameIds>(), time, NullLogger<Catalogue>.Instance);
        var memory = new PlanMemory(time);
        var dispatcher = new Dispatcher(catalogue, memory, bus, new QueueWatch(settings, time), options, Options.Create(new TopologyOptions()), NullLogger<Dispatcher>.Instance);
        return (new PlanJob(
            database.Get<IPlanStore>(), catalogue, dispatcher, memory, new PlanLease(settings), new PlanHealth(time), options, deadlines ?? time, NullLogger<PlanJob>.Instance), catalogue);
    }
}
