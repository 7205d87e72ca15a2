using System.Net;
using Dac.Contracts;
using Dac.Storage;
using Dac.Storage.Model;
using Microsoft.EntityFrameworkCore;

namespace Dac.Tests.Web;

public sealed class ResultsApiTests
{
    private const long Start = 1_700_000_000_000;
    private const string Span = "from=2023-11-14T22:13:20Z&to=2023-11-14T23:13:20Z";

    [Fact]
    public async Task A_result_is_shown_with_its_phases()
    {
        await using var web = await WebHost.StartAsync();
        var id = await web.AddTargetAsync();
        await web.StoreAsync(new ProbeResult
        {
            TargetId = id,
            ScheduledAtMs = Start,
            Outcome = Outcome.Up,
            LatenessUs = 1_234,
            StatusCode = 200,
            ResolveUs = 1,
            ConnectUs = 2_000,
            TlsUs = 3_500,
            RequestUs = 40,
            FirstByteUs = 5_000,
            TransferUs = 600,
            TotalUs = 11_141,
            Bytes = 42,
            TlsExpiresAtMs = Start,
            Match = "a b",
            Flags = ProbeRemarks.Late | ProbeRemarks.Truncated,
        });

        var result = Assert.Single((await web.GetAsync($"/api/targets/{id}/results?{Span}"))["results"]!.AsArray())!;

        Assert.Equal(
            """
            {"scheduledAt":"2023-11-14T22:13:20+00:00","location":"default","outcome":"up","class":"executed","statusCode":200,"latenessMs":1.234,"phases":{"resolve":0.001,"connect":2,"tls":3.5,"request":0.04,"firstByte":5,"transfer":0.6,"total":11.141},"bytes":42,"tlsExpiresAt":"2023-11-14T22:13:20+00:00","match":"a b","error":null,"collector":"collector-1","flags":["late","truncated"]}
            """,
            result.ToJsonString().Replace("\\u002B", "+", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Results_come_newest_first_within_the_span_and_the_limit()
    {
        await using var web = await WebHost.StartAsync();
        var id = await web.AddTargetAsync();
        await web.StoreAsync([.. Enumerable.Range(-1, 5).Select(i => new ProbeResult { TargetId = id, ScheduledAtMs = Start + (i * 1_800_000L), Outcome = Outcome.Expired })]);

        var all = await web.GetAsync($"/api/targets/{id}/results?{Span}");
        var one = await web.GetAsync($"/api/targets/{id}/results?{Span}&limit=1");

        Assert.Equal(["2023-11-14T22:43:20+00:00", "2023-11-14T22:13:20+00:00"], all["results"]!.AsArray().Select(r => r!["scheduledAt"]!.GetValue<string>()));
        Assert.Equal(("expired", "missed"), (all["results"]![0]!["outcome"]!.GetValue<string>(), all["results"]![0]!["class"]!.GetValue<string>()));
        Assert.False(all["more"]!.GetValue<bool>());
        Assert.Single(one["results"]!.AsArray());
        Assert.True(one["more"]!.GetValue<bool>());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(6)]
    public async Task Page_by_page_every_location_of_every_slot_is_shown_once(int limit)
    {
        await using var web = await WebHost.StartAsync();
        var id = await web.AddTargetAsync();
        var eu = await web.Services.GetRequiredService<NameIds>().LocationAsync("eu", TestContext.Current.CancellationToken);
        var us = await web.Services.GetRequiredService<NameIds>().LocationAsync("us", TestContext.Current.CancellationToken);
        await web.Services.GetRequiredService<IResultStore>().WriteAsync(
            [.. Enumerable.Range(0, 5).SelectMany(slot => new short[] { 1, eu, us }.Select(l => new ResultRow(l, 1, new ProbeResult { TargetId = id, ScheduledAtMs = Start + (slot * 1_000), Outcome = Outcome.Up })))],
            TestContext.Current.CancellationToken);
        var (to, seen) = ("2023-11-14T23:13:20Z", new List<string>());
        for (var more = true; more;)
        {
            var page = await web.GetAsync($"/api/targets/{id}/results?from=2023-11-14T22:13:20Z&to={to}&limit={limit}");
            var rows = page["results"]!.AsArray();
            seen.AddRange(rows.Select(r => $"{r!["scheduledAt"]} {r["location"]}"));
            more = page["more"]!.GetValue<bool>();
            to = rows.LastOrDefault()?["scheduledAt"]!.GetValue<string>().Replace("+00:00", "Z", StringComparison.Ordinal) ?? to;
        }
        Assert.Equal(15, seen.Count);
        Assert.Equal(15, seen.Distinct().Count());
    }

    [Fact]
    public async Task The_last_hour_is_the_default()
    {
        await using var web = await WebHost.StartAsync();
        var id = await web.AddTargetAsync();
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        await web.StoreAsync(
            new ProbeResult { TargetId = id, ScheduledAtMs = now - 3_700_000, Outcome = Outcome.Up },
            new ProbeResult { TargetId = id, ScheduledAtMs = now - 3_500_000, Outcome = Outcome.Up });

        Assert.Single((await web.GetAsync($"/api/targets/{id}/results"))["results"]!.AsArray());
    }

    [Theory]
    [InlineData("from=yesterday", "from", "yesterday")]
    [InlineData("from=01/02/2026", "from", "01/02/2026")]
    [InlineData("to=2026-13-01T00:00:00Z", "to", "2026-13-01T00:00:00Z")]
    [InlineData("from=2026-01-02&to=2026-01-01", "from", "2026-01-02")]
    [InlineData("limit=10001", "limit", "10001")]
    [InlineData("limit=-1", "limit", "-1")]
    public async Task A_bad_parameter_is_named_with_its_value_and_the_fix(string query, string name, string value)
    {
        await using var web = await WebHost.StartAsync();
        var id = await web.AddTargetAsync();

        var problem = await web.GetAsync($"/api/targets/{id}/results?{query}", HttpStatusCode.BadRequest);

        var error = Assert.Single(problem["errors"]!.AsArray())!;
        Assert.Equal((name, value), (error["field"]!.GetValue<string>(), error["value"]!.GetValue<string>()));
        Assert.NotEmpty(error["fix"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("2023-11-14T22:13:20%2B00:00")]
    [InlineData("2023-11-14T22:13:20+00:00")]
    [InlineData("2023-11-14T23:13:20.000%2B01:00")]
    [InlineData("2023-11-14T22:13:20")]
    public async Task A_time_may_have_any_offset_and_is_utc_without(string from)
    {
        await using var web = await WebHost.StartAsync();
        var id = await web.AddTargetAsync();

        var page = await web.GetAsync($"/api/targets/{id}/results?from={from}");

        Assert.Equal(DateTimeOffset.FromUnixTimeMilliseconds(Start), page["from"]!.GetValue<DateTimeOffset>());
    }

    [Fact]
    public async Task Results_of_no_target_are_not_found_but_those_of_a_deleted_one_stay()
    {
        await using var web = await WebHost.StartAsync();
        var id = await web.AddTargetAsync();
        await web.StoreAsync(new ProbeResult { TargetId = id, ScheduledAtMs = Start, Outcome = Outcome.Up });
        using var deleted = await web.Http.DeleteAsync($"/api/targets/{id}", WebHost.Cancel);

        Assert.Single((await web.GetAsync($"/api/targets/{id}/results?{Span}"))["results"]!.AsArray());
        await web.GetAsync($"/api/targets/{id + 1}/results", HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Every_outcome_has_the_name_and_class_that_the_database_gives_it()
    {
        await using var web = await WebHost.StartAsync();
        await using var db = await web.Services.GetRequiredService<IDbContextFactory<DacDbContext>>().CreateDbContextAsync(WebHost.Cancel);
        var id = await web.AddTargetAsync();
        var names = await db.Set<OutcomeName>().OrderBy(o => o.Code).ToListAsync(WebHost.Cancel);
        await web.StoreAsync([.. names.Select((o, i) => new ProbeResult { TargetId = id, ScheduledAtMs = Start + i, Outcome = (Outcome)o.Code })]);

        var results = (await web.GetAsync($"/api/targets/{id}/results?{Span}"))["results"]!.AsArray();

        Assert.Equal(names.Select(o => (o.Name, o.Class)), results.Reverse().Select(r => (r!["outcome"]!.GetValue<string>(), r["class"]!.GetValue<string>())));
    }
}
