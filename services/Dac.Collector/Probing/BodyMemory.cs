using Dac.Contracts;
using Microsoft.Extensions.Options;

namespace Dac.Collector.Probing;

/// <summary>
/// Memory for the bodies that are kept to be matched, of all probes together. A body of up to 32 kB takes what it needs; a larger one takes a place for the
/// largest, three times over (its bytes, and its text of two bytes a character), and waits for it. In all that is <see cref="CollectorOptions.MaxBodyMemory"/>
/// and 96 kB for each concurrent probe.
/// </summary>
public sealed class BodyMemory(IOptions<CollectorOptions> options) : IDisposable
{
    private const int Free = 32 * 1024;

    private readonly SemaphoreSlim _places = new((int)Math.Clamp(options.Value.MaxBodyMemory / (3L * options.Value.MaxBodyBytes), 1, 100_000));

    /// <summary>What one body takes; disposed when its text is not needed any more.</summary>
    public Share Take() => new(_places);

    /// <inheritdoc/>
    public void Dispose() => _places.Dispose();

    /// <summary>What one body takes.</summary>
    public sealed class Share(SemaphoreSlim places) : IDisposable
    {
        private bool _taken;

        /// <summary>Makes room for so many bytes in all. Time that this takes is the collector's: the row is flagged as saturated, and a timeout is its fault.</summary>
        public async ValueTask GrowAsync(int bytes, Measurement measurement, CancellationToken timeout)
        {
            if (_taken || bytes <= Free)
                return;
            if (!places.Wait(0, CancellationToken.None))
            {
                measurement.Saturated = true;
                try
                {
                    await places.WaitAsync(timeout);
                }
                catch (OperationCanceledException)
                {
                    measurement.Fail(Outcome.ResourceFault, "no memory for the body within the timeout (Collector:MaxBodyMemory)");
                    throw;
                }
            }
            _taken = true;
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            if (_taken)
                places.Release();
            _taken = false;
        }
    }
}
