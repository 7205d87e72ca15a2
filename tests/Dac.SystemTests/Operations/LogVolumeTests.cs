using System.Text.RegularExpressions;
using Dac.SystemTests.Distributed;
using Dac.SystemTests.Fixtures;
using Microsoft.EntityFrameworkCore;

namespace Dac.SystemTests.Operations;

/// <summary>What the services write is bounded, whatever goes on.</summary>
public sealed partial class LogVolumeTests(PostgreSql postgres, RabbitMq rabbit)
{
    [Fact]
    public async Task Services_write_a_handful_of_lines_however_many_slots_are_undeliverable_or_probed()
    {
        await using var dac = await Deployment.CreateAsync(postgres, rabbit);
        // On mars nobody probes: each batch for it is a warning.
        await dac.SaveTargetsAsync(200, "default", "mars");
        var writer = await dac.StartAsync("Writer");
        var collector = await dac.StartAsync("Collector");
        var scheduler = await dac.StartAsync("Scheduler");
        await dac.WaitForRowsAsync(1_000);
        Assert.True(await dac.QueryAsync(db => db.Results.CountAsync(r => r.Outcome == Contracts.Outcome.Undeliverable, TestContext.Current.CancellationToken)) > 100);
        Assert.All([writer, collector, scheduler], s => Assert.True(Event().Count(s.Output) is > 3 and < 60, s.Output));
        Assert.Contains("undeliverable", scheduler.Output, StringComparison.Ordinal);
    }

    // An exception takes many lines.
    [GeneratedRegex(@"^\d\d:\d\d:\d\d\.\d{3} ", RegexOptions.Multiline)]
    private static partial Regex Event();
}
