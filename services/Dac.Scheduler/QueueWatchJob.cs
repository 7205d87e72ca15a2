using Quartz;

namespace Dac.Scheduler;

/// <summary>Every 10 s: the figures of <see cref="QueueWatch"/>.</summary>
[DisallowConcurrentExecution]
public sealed class QueueWatchJob(QueueWatch queues) : IJob
{
    /// <inheritdoc/>
    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken) => await queues.ReadAsync(cancellationToken);
}
