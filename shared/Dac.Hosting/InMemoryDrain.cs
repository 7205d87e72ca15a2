using Microsoft.Extensions.Hosting;

namespace Dac.Hosting;

/// <summary>
/// The in-memory bus forgets what it holds when it stops: before that, and after the jobs have stopped, this waits until every module has finished what
/// it was given. (RabbitMQ keeps what is not acknowledged, and needs no such thing.)
/// </summary>
internal sealed class InMemoryDrain(BusParts parts, IServiceProvider services, TimeProvider time) : IHostedService
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(50);

    // A message may be between two modules at one look; not at three in a row.
    private const int Looks = 3;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        for (var idle = 0; idle < Looks && !cancellationToken.IsCancellationRequested;)
        {
            await Task.Delay(Step, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            idle = parts.Idle.TrueForAll(isIdle => isIdle(services)) ? idle + 1 : 0;
        }
    }
}
