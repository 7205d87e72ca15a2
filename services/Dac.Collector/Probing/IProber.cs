using Dac.Contracts;

namespace Dac.Collector.Probing;

/// <summary>Probes the URLs of its schemes.</summary>
public interface IProber
{
    /// <summary>Schemes in lower case, such as <c>https</c>.</summary>
    IReadOnlyList<string> Schemes { get; }

    /// <summary>
    /// Whether a probe gets in no time to where it waits without a thread: it may be begun by the thread that begins all others. False where in doubt: for what opens
    /// files, waits for a lock or a full buffer, or sets much to work when it runs for the first time.
    /// </summary>
    bool StartsAtOnce(ProbeUrl probe) => false;

    /// <summary>
    /// Probes once and writes into <paramref name="measurement"/> what it saw. A target's failure is an outcome, never an exception; when
    /// <paramref name="timeout"/> ends, so does the probe, as <see cref="Outcome.Timeout"/>.
    /// </summary>
    Task ProbeAsync(ProbeUrl probe, Measurement measurement, CancellationToken timeout);
}
