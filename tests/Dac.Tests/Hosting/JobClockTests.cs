using Dac.Hosting;
using Dac.Standalone;
using Microsoft.Extensions.Options;
using Quartz;

namespace Dac.Tests.Hosting;

/// <summary>By which clock what goes.</summary>
public sealed class JobClockTests
{
    [Fact]
    public async Task Jobs_go_by_a_clock_that_does_not_step_and_all_else_by_the_host_s()
    {
        var builder = DacHost.CreateBuilder("standalone", ["--Serilog:MinimumLevel:Default=Fatal"], "http://127.0.0.1:0");
        builder.Configuration["ConnectionStrings:Database"] = "Data Source=not-opened.db";
        builder.AddStandalone();
        await using var app = DacHost.Build(builder);

        Assert.Same(TimeProvider.System, app.Services.GetRequiredService<TimeProvider>());
        Assert.IsType<SteadyTime>(app.Services.GetRequiredKeyedService<TimeProvider>(Bus.JobScheduler));
        Assert.True(app.Services.GetRequiredService<IOptionsMonitor<QuartzHostedServiceOptions>>().Get(Bus.JobScheduler).WaitForJobsToComplete);
    }
}
