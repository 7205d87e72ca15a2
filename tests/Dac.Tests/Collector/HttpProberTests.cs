using Dac.Contracts;

namespace Dac.Tests.Collector;

/// <summary>A page that answers, its phases and redirects.</summary>
public sealed class HttpProberTests : HttpTests
{
    [Fact]
    public async Task A_page_that_answers_is_up_with_its_phases()
    {
        var (url, server) = await TestServer.HttpAsync(c => c.Response.WriteAsync("hello"));
        await using var _ = server;
        var result = await ProbeAsync(url);
        Assert.Equal((Outcome.Up, (short)200, 5), (result.Outcome, result.StatusCode!.Value, result.Bytes!.Value));
        Assert.Null(result.TlsUs);
        Assert.Null(result.Error);
        int?[] phases = [result.ResolveUs, result.ConnectUs, result.RequestUs, result.FirstByteUs, result.TransferUs];
        Assert.All(phases, p => Assert.NotNull(p));
        Assert.InRange(phases.Sum()!.Value, 1, result.TotalUs!.Value);
    }

    [Fact]
    public async Task Each_phase_holds_the_time_that_the_server_took_for_it()
    {
        var (url, server) = await TestServer.HttpAsync(async c =>
        {
            await Task.Delay(60);
            await c.Response.WriteAsync("first");
            await c.Response.Body.FlushAsync();
            await Task.Delay(120);
            await c.Response.WriteAsync("rest");
        });
        await using var _ = server;
        var result = await ProbeAsync(url);
        // The framework's timers go by a clock of 4 ms, and so may be as much early. A busy machine may see late that the request is sent, or that the first byte is there, at the cost of the next phase: together they hold all that the server took.
        Assert.True(result.RequestUs + result.FirstByteUs >= 55_000, $"request {result.RequestUs}, first byte {result.FirstByteUs}");
        Assert.True(result.RequestUs + result.FirstByteUs + result.TransferUs >= 170_000, $"request {result.RequestUs}, first byte {result.FirstByteUs}, transfer {result.TransferUs}");
    }

    [Theory]
    [InlineData(404)]
    [InlineData(500)]
    [InlineData(304)]
    public async Task A_status_that_is_not_2xx_is_down_and_says_so(int status)
    {
        var (url, server) = await TestServer.HttpAsync(c => { c.Response.StatusCode = status; return Task.CompletedTask; });
        await using var _ = server;
        var result = await ProbeAsync(url);
        Assert.Equal((Outcome.BadStatus, (short)status), (result.Outcome, result.StatusCode!.Value));
        Assert.Contains($"status {status}", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_redirect_is_followed_and_its_phases_add_up()
    {
        var (url, server) = await TestServer.HttpAsync(async c =>
        {
            await Task.Delay(40);
            if (c.Request.Path == "/")
                c.Response.Redirect("/there");
            else
                await c.Response.WriteAsync("there");
        });
        await using var _ = server;
        var result = await ProbeAsync(url, regex: "there");
        Assert.Equal(Outcome.Up, result.Outcome);
        Assert.True(result.FirstByteUs >= 78_000, $"first byte {result.FirstByteUs}");
    }
}
