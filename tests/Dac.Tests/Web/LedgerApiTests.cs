using System.Net;
using Dac.Contracts;
using Dac.Storage;

namespace Dac.Tests.Web;

public sealed class LedgerApiTests
{
    [Fact]
    public async Task Every_planned_slot_is_in_the_ledger_once()
    {
        await using var web = await WebHost.StartAsync();
        var id = await web.AddTargetAsync();
        var location = await web.Services.GetRequiredService<NameIds>().LocationAsync("default", WebHost.Cancel);
        // The fence lets nobody plan the past.
        var first = (TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + 5) * 1_000;
        Outcome?[] outcomes = [Outcome.Up, Outcome.Degraded, Outcome.Timeout, Outcome.PausedFault, Outcome.Expired, Outcome.Undeliverable, null, null];
        var windows = outcomes.Select((_, i) => new PlannedWindow(0, first + (i * 1_000), [new(id, location, 5)], 1, 1, AuditAfterMs: i == 7 ? 1 : first + 60_000)).ToList();
        await web.Services.GetRequiredService<IPlanStore>().PlanAsync([new(0, null, first, first + 8_000, 1, windows)], 1, WebHost.Cancel);
        await web.StoreAsync([.. outcomes.Index().Where(o => o.Item is not null).Select(o => new ProbeResult { TargetId = id, ScheduledAtMs = first + (o.Index * 1_000) + 5, Outcome = o.Item!.Value })]);

        var ledger = await web.GetAsync($"/api/ledger?from={DateTimeOffset.FromUnixTimeMilliseconds(first):yyyy-MM-ddTHH:mm:ssZ}&to={DateTimeOffset.FromUnixTimeMilliseconds(first + 8_000):yyyy-MM-ddTHH:mm:ssZ}");

        long Figure(string name) => ledger[name]!.GetValue<long>();
        Assert.Equal(8, Figure("planned"));
        Assert.Equal((1, 1, 1, 3), (Figure("up"), Figure("degraded"), Figure("down"), Figure("executed")));
        Assert.Equal((1, 1, 1), (Figure("observerFaults"), Figure("pending"), Figure("unaccounted")));
        Assert.Equal((1, 1, 2), (ledger["missed"]!["expired"]!.GetValue<long>(), ledger["missed"]!["undeliverable"]!.GetValue<long>(), ledger["missed"]!["sum"]!.GetValue<long>()));
        Assert.Equal(300.0 / 7, ledger["coveragePercent"]!.GetValue<double>(), 6);
        Assert.Equal(200.0 / 3, ledger["uptimePercent"]!.GetValue<double>(), 6);
    }

    [Fact]
    public async Task The_last_ten_minutes_are_the_default_and_nothing_planned_is_no_percentage()
    {
        await using var web = await WebHost.StartAsync();

        var ledger = await web.GetAsync("/api/ledger");

        Assert.InRange((ledger["to"]!.GetValue<DateTimeOffset>() - ledger["from"]!.GetValue<DateTimeOffset>()).TotalSeconds, 600, 601);
        Assert.Null(ledger["coveragePercent"]);
    }

    [Theory]
    [InlineData("from=soon", "from")]
    [InlineData("to=", "to")]
    [InlineData("from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:01Z", "from")]
    [InlineData("from=2026-01-01&to=2026-01-01", "from")]
    public async Task A_bad_span_is_refused(string query, string name)
    {
        await using var web = await WebHost.StartAsync();

        var problem = await web.GetAsync($"/api/ledger?{query}", HttpStatusCode.BadRequest);

        Assert.Equal(name, Assert.Single(problem["errors"]!.AsArray())!["field"]!.GetValue<string>());
    }
}
