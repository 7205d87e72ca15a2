using Dac.Contracts;
using MassTransit;

namespace Dac.Writer;

/// <summary>Takes a batch of results; the message is acknowledged once they are committed.</summary>
public sealed class ProbeResultConsumer(ResultWriter writer) : IConsumer<ProbeResultBatch>
{
    /// <inheritdoc/>
    public Task Consume(ConsumeContext<ProbeResultBatch> context) => writer.StoreAsync(context.Message);
}
