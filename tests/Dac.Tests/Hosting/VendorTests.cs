using Dac.Hosting;
using Dac.Standalone;
using MassTransit;
using Microsoft.Extensions.Options;

namespace Dac.Tests.Hosting;

/// <summary>What libraries would tell those who make them.</summary>
public sealed class VendorTests
{
    [Theory]
    [InlineData("")]
    [InlineData("amqp://127.0.0.1:1")]
    public async Task The_maker_of_the_bus_is_told_nothing(string broker)
    {
        var builder = DacHost.CreateBuilder("standalone", ["--Serilog:MinimumLevel:Default=Fatal"], "http://127.0.0.1:0");
        builder.Configuration["ConnectionStrings:Database"] = "Data Source=not-opened.db";
        builder.Configuration["ConnectionStrings:Broker"] = broker;
        builder.AddStandalone();
        await using var app = DacHost.Build(builder);
        Assert.False(app.Services.GetRequiredService<IOptions<UsageTelemetryOptions>>().Value.Enabled);
    }
}
