using Dac.Hosting;
using Dac.Storage;
using Microsoft.Extensions.Options;
using Quartz;

namespace Dac.Writer;

/// <summary>At the start and every hour: partitions for the days to come, and retention. Two writers at once do no harm: what the other did is there.</summary>
[DisallowConcurrentExecution]
public sealed partial class MaintenanceJob(
    IResultStore store, IOptions<StorageOptions> options, TimeProvider time, [FromKeyedServices(Bus.JobScheduler)] TimeProvider steady, ILogger<MaintenanceJob> logger) : IJob
{
    /// <inheritdoc/>
    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken)
    {
        // Days are made by the clock that results go by. What is deleted must be old by the steady one, too: a clock that jumps ahead for a while would take everything along.
        var (now, jobs) = (time.GetUtcNow(), steady.GetUtcNow());
        try
        {
            var done = await store.MaintainAsync(now, (jobs < now ? jobs : now) - options.Value.RawRetention, cancellationToken);
            if (done.Count > 0)
                LogDone(logger, string.Join(", ", done));
        }
        catch (Exception e) when (e.IsDatabaseFault())
        {
            LogFailed(logger, e.Message);
        }
    }

    [LoggerMessage(LogLevel.Information, "Maintenance: {Done}")]
    private static partial void LogDone(ILogger logger, string done);

    [LoggerMessage(LogLevel.Error, "Maintenance failed, it is tried again in an hour (partitions are made three days ahead): {Reason}")]
    private static partial void LogFailed(ILogger logger, string reason);
}
