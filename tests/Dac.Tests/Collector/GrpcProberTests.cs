using System.Buffers.Binary;
using Dac.Collector;
using Dac.Collector.Probing;
using Dac.Contracts;
using Google.Protobuf;
using Grpc.Health.V1;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace Dac.Tests.Collector;

/// <summary><see cref="GrpcProber"/> against Kestrel that speaks gRPC.</summary>
public sealed class GrpcProberTests
{
    [Theory]
    [InlineData(ServingStatus.Serving, Outcome.Up, null)]
    [InlineData(ServingStatus.NotServing, Outcome.NotServing, "the server says NotServing")]
    [InlineData(ServingStatus.Unknown, Outcome.NotServing, "the server says Unknown")]
    [InlineData(ServingStatus.ServiceUnknown, Outcome.NotServing, "the server says ServiceUnknown")]
    [InlineData((ServingStatus)77, Outcome.NotServing, "the server says 77")]
    public async Task The_server_says_how_it_is(ServingStatus status, Outcome outcome, string? error)
    {
        await using var server = await KestrelServer.StartAsync(c => AnswerAsync(c, _ => status), HttpProtocols.Http2);
        var result = await ProbeOnce.RunAsync(server.Url("grpc"));
        Assert.Equal((outcome, error, (short)0), (result.Outcome, result.Error, result.StatusCode!.Value));
        Assert.InRange(result.ConnectUs!.Value + result.FirstByteUs!.Value, 1, result.TotalUs!.Value);
    }

    [Fact]
    public async Task A_service_is_asked_for_by_its_name_and_with_metadata()
    {
        Environment.SetEnvironmentVariable("DAC_SECRET_GRPC_TEST", "s3cret");
        (string?, string?) seen = default; // copied: Kestrel empties a request's headers when it ends
        await using var server = await KestrelServer.StartAsync(
            c =>
            {
                seen = (c.Request.Headers["x-tenant"], c.Request.Headers.Authorization);
                return AnswerAsync(c, service => service == "shop.Orders" ? ServingStatus.Serving : ServingStatus.NotServing);
            },
            HttpProtocols.Http2);
        var options = new GrpcOptions { Service = "shop.Orders", Metadata = new Dictionary<string, string> { ["x-tenant"] = "a" }, SecretMetadata = new Dictionary<string, string> { ["authorization"] = "env:DAC_SECRET_GRPC_TEST" } };
        Assert.Equal(Outcome.Up, (await ProbeOnce.RunAsync(server.Url("grpc"), p => p with { Grpc = options })).Outcome);
        Assert.Equal(("a", "s3cret"), seen);
        var other = await ProbeOnce.RunAsync(server.Url("grpc"), p => p with { Grpc = new() { Service = "shop.Stock" } });
        Assert.Equal((Outcome.NotServing, "shop.Stock says NotServing"), (other.Outcome, other.Error));
    }

    [Fact]
    public async Task Over_TLS_the_certificate_is_verified()
    {
        using var authority = new TestAuthority();
        using var certificate = authority.Issue();
        await using var server = await KestrelServer.StartAsync(c => AnswerAsync(c, _ => ServingStatus.Serving), HttpProtocols.Http2, certificate);
        var refused = await ProbeOnce.RunAsync(server.Url("grpcs"));
        Assert.Equal(Outcome.TlsFailed, refused.Outcome);
        Assert.StartsWith("certificate refused: ", refused.Error, StringComparison.Ordinal);
        var result = await ProbeOnce.RunAsync(server.Url("grpcs"), p => p with { Tls = TestAuthority.Trust }, authority.Settings);
        Assert.Equal((Outcome.Up, null), (result.Outcome, result.Error));
        Assert.NotNull(result.TlsExpiresAtMs);
    }

    [Theory]
    [InlineData(5, "unknown service")]
    [InlineData(12, "")]
    [InlineData(7, "no")]
    [InlineData(14, "try later")]
    public async Task A_status_of_gRPC_is_an_outcome_with_its_number(int status, string message)
    {
        await using var server = await KestrelServer.StartAsync(
            c =>
            {
                c.Response.ContentType = "application/grpc";
                c.Response.Headers["grpc-status"] = $"{status}";
                c.Response.Headers["grpc-message"] = message;
                return Task.CompletedTask;
            },
            HttpProtocols.Http2);
        var result = await ProbeOnce.RunAsync(server.Url("grpc"));
        Assert.Equal((Outcome.BadStatus, (short)status), (result.Outcome, result.StatusCode!.Value));
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(404, "text/plain")]
    [InlineData(200, "text/html")]
    public async Task A_web_server_that_speaks_no_gRPC_is_down(int status, string type)
    {
        await using var server = await KestrelServer.StartAsync(
            c =>
            {
                (c.Response.StatusCode, c.Response.ContentType) = (status, type);
                return c.Response.WriteAsync("hello");
            },
            HttpProtocols.Http2);
        Assert.Equal(Outcome.ProtocolError, (await ProbeOnce.RunAsync(server.Url("grpc"))).Outcome);
    }

    [Fact]
    public async Task A_server_that_speaks_HTTP_1_alone_is_down()
    {
        await using var server = await KestrelServer.StartAsync(c => c.Response.WriteAsync("hello"));
        Assert.Equal(Outcome.ProtocolError, (await ProbeOnce.RunAsync(server.Url("grpc"))).Outcome);
    }

    [Fact]
    public async Task An_answer_without_end_is_cut_off()
    {
        await using var server = await KestrelServer.StartAsync(
            async c =>
            {
                c.Response.ContentType = "application/grpc";
                await c.Response.Body.WriteAsync(new byte[] { 0, 0x7F, 0xFF, 0xFF, 0xFF });
                while (true)
                    await c.Response.Body.WriteAsync(new byte[10_000]);
            },
            HttpProtocols.Http2);
        Assert.Equal(Outcome.TooLarge, (await ProbeOnce.RunAsync(server.Url("grpc"))).Outcome);
    }

    [Fact]
    public async Task The_egress_guard_holds()
    {
        await using var server = await KestrelServer.StartAsync(_ => throw new InvalidOperationException("was reached"), HttpProtocols.Http2);
        Assert.Equal(Outcome.Denied, (await ProbeOnce.RunAsync(server.Url("grpc"), options: new CollectorOptions { DeniedNetworks = "127.0.0.0/8,::1/128" })).Outcome);
    }

    private static async Task AnswerAsync(HttpContext context, Func<string, ServingStatus> status)
    {
        using var request = new MemoryStream();
        await context.Request.Body.CopyToAsync(request);
        var service = HealthCheckRequest.Parser.ParseFrom(request.ToArray().AsSpan(5)).Service;
        var answer = new HealthCheckResponse { Status = status(service) }.ToByteArray();
        var frame = new byte[5 + answer.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), answer.Length);
        answer.CopyTo(frame, 5);
        context.Response.ContentType = "application/grpc";
        await context.Response.Body.WriteAsync(frame);
        context.Response.AppendTrailer("grpc-status", "0");
    }
}
