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
    private static readonly IOptions<SchedulerOptions> Defaults = Options.Create(new SchedulerOptions());
    private static readonly IConfiguration Settings = new ConfigurationBuilder().Build();

    /// <summary>A scheduler's planning as it is shipped, with its catalogue.</summary>
    /// <param name="database">Its database.</param>
    /// <param name="bus">Where it publishes.</param>
    /// <param name="time">Its clock.</param>
    /// <param name="deadlines">The clock of what it waits for the database; null: the same.</param>
    /// <param name="health">What it says of itself.</param>
    public static (PlanJob Job, Catalogue Catalogue) PlanJob(this TestDatabase database, PublishBus bus, TimeProvider time, TimeProvider? deadlines = null, PlanHealth? health = null)
    {
        var memory = new PlanMemory(time);
        var (dispatcher, catalogue) = database.Dispatcher(bus, time, memory);
        return (new PlanJob(
            database.Get<IPlanStore>(), catalogue, dispatcher, memory, new PlanLease(Settings), health ?? new PlanHealth(time), Defaults, deadlines ?? time, NullLogger<PlanJob>.Instance), catalogue);
    }

    /// <summary>What publishes a scheduler's windows, and the catalogue that it takes the targets from.</summary>
    public static (Dispatcher Dispatcher, Catalogue Catalogue) Dispatcher(this TestDatabase database, PublishBus bus, TimeProvider time, PlanMemory? memory = null)
    {
        var catalogue = new Catalogue(database.Get<IDbContextFactory<DacDbContext>>(), database.Get<NameIds>(), time, NullLogger<Catalogue>.Instance);
        return (
            new Dispatcher(catalogue, memory ?? new PlanMemory(time), bus, new QueueWatch(Settings, time), Defaults, Options.Create(new TopologyOptions()), NullLogger<Dispatcher>.Instance), catalogue);
    }
}
