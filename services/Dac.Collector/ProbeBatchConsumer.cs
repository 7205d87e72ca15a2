using Dac.Contracts;
using MassTransit;

namespace Dac.Collector;

/// <summary>
/// Takes a batch of commands. The message is acknowledged when the results of all its slots are confirmed, or when none of them could be probed again in
/// time anyway, whichever is first: a killed collector's slots go to the others, and hung targets hold up nobody.
/// </summary>
public sealed class ProbeBatchConsumer(Slots slots) : IConsumer<ProbeBatch>
{
    /// <inheritdoc/>
    public Task Consume(ConsumeContext<ProbeBatch> context) => slots.AcceptAsync(context.Message);
}
