using System.Net.Security;
using Dac.Contracts;
using Dac.Targets;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;

namespace Dac.Collector.Probing;

/// <summary>
/// <c>grpc://host[:80]</c> and <c>grpcs://host[:443]</c>: one call of <c>grpc.health.v1.Health/Check</c> over a fresh HTTP/2 connection. Up is SERVING; a status of gRPC other
/// than OK is <see cref="Outcome.BadStatus"/>, with its number.
/// </summary>
public sealed class GrpcProber(Connector connector, SecretReader secrets) : IProber
{
    /// <summary>A health answer is 2 bytes long.</summary>
    private const int MaxBytes = 4_096;

    /// <inheritdoc/>
    public IReadOnlyList<string> Schemes => ["grpc", "grpcs"];

    /// <inheritdoc/>
    public async Task ProbeAsync(ProbeUrl probe, Measurement measurement, CancellationToken timeout)
    {
        try
        {
            var url = new Uri(probe.Url);
            using var handler = OneTimeHandler.Create(connector, SslApplicationProtocol.Http2, MaxBytes, probe, measurement, timeout);
            using var channel = GrpcChannel.ForAddress(
                new UriBuilder(url.Scheme == "grpcs" ? "https" : "http", url.IdnHost, UrlScheme.Port(url)).Uri,
                new GrpcChannelOptions { HttpHandler = handler, MaxReceiveMessageSize = MaxBytes, MaxRetryAttempts = 0, ThrowOperationCanceledOnCancellation = true });
            var service = probe.Grpc?.Service ?? "";
            var answer = await new Health.HealthClient(channel).CheckAsync(new HealthCheckRequest { Service = service }, Metadata(probe.Grpc), deadline: null, timeout);
            // Of the frames of HTTP/2 that go to and fro none is the first byte of the answer: the call counts as a whole.
            measurement.Lap(Phase.FirstByte);
            measurement.StatusCode = (short)StatusCode.OK;
            measurement.Bytes = answer.CalculateSize();
            if (!measurement.Assert(service.Length == 0 ? "the server is serving" : $"{service} is serving", answer.Status == HealthCheckResponse.Types.ServingStatus.Serving, $"{answer.Status}"))
                measurement.Fail(Outcome.NotServing, $"{(service.Length == 0 ? "the server" : service)} says {answer.Status}");
        }
        catch (RpcException e) when (!timeout.IsCancellationRequested && Explain(e, probe, measurement, timeout))
        {
            // It stands in the measurement.
        }
        catch (Exception e) when (ProbeFailure.Note(e, probe, measurement, timeout))
        {
            // Likewise.
        }
    }

    private static bool Explain(RpcException e, ProbeUrl probe, Measurement measurement, CancellationToken timeout)
    {
        if (e.Status.DebugException is { } cause && ProbeFailure.Note(cause, probe, measurement, timeout))
            return true;
        // The library's own words for an answer that is not gRPC.
        if (e.Status.Detail.StartsWith("Bad gRPC response", StringComparison.Ordinal) || e.Status.DebugException is not null)
        {
            measurement.Fail(Outcome.ProtocolError, e.Status.Detail);
            return true;
        }
        if (e is { StatusCode: StatusCode.ResourceExhausted, Status.Detail: "Received message exceeds the maximum configured message size." })
        {
            measurement.Fail(Outcome.TooLarge, $"the answer is larger than {MaxBytes} bytes");
            return true;
        }
        measurement.StatusCode = (short)e.StatusCode;
        measurement.Fail(Outcome.BadStatus, $"gRPC status {(int)e.StatusCode} {e.StatusCode}: {e.Status.Detail}");
        return true;
    }

    private Metadata Metadata(GrpcOptions? options)
    {
        var metadata = new Metadata();
        foreach (var (name, value) in options?.Metadata ?? new Dictionary<string, string>())
            metadata.Add(name, value);
        foreach (var (name, reference) in options?.SecretMetadata ?? new Dictionary<string, string>())
            metadata.Add(name, secrets.ReadHeader(reference));
        return metadata;
    }
}
