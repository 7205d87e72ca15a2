using System.Globalization;
using Dac.Contracts;
using Dac.Storage;
using Dac.Targets;

namespace Dac.SystemTests.Storage.Contract;

/// <summary>The views that keep readers of the Python program's tables working.</summary>
public abstract class CompatibilityViewsContract(Func<Task<TestDatabase>> create) : StoreContract(create)
{
    [Fact]
    public async Task Urls_shows_the_targets_by_key_without_the_deleted_ones()
    {
        await Store.Targets.AddAsync(new TargetDefinition { Key = "1", Url = "https://example.org/", Interval = "30", Regex = "o+k" }, Cancel);
        await Store.Targets.AddAsync(new TargetDefinition { Key = "2", Url = "https://example.net/", Interval = "5" }, Cancel);
        await Store.Targets.DeleteAsync(await Store.Targets.AddAsync(new TargetDefinition { Key = "3", Url = "https://example.com/", Interval = "5" }, Cancel), Cancel);

        var rows = await Store.QueryAsync("SELECT url_id, url, interval, regex FROM urls ORDER BY url_id");

        Assert.Equal([["1", "https://example.org/", "30", "o+k"], ["2", "https://example.net/", "5", null]], rows);
    }

    [Fact]
    public async Task Stats_shows_the_executed_slots_with_the_times_they_really_took()
    {
        var id = await Store.Targets.AddAsync(new TargetDefinition { Key = "1", Url = "https://example.org/", Interval = "30" }, Cancel);
        var result = new ProbeResult { TargetId = id, ScheduledAtMs = NoonMs, Outcome = Outcome.Up, StatusCode = 200, LatenessUs = 2_000, TotalUs = 150_000, Match = "ok" };
        await Store.Results.WriteAsync([new ResultRow(1, 1, result), new ResultRow(1, 1, result with { ScheduledAtMs = NoonMs + 1_000, Outcome = Outcome.PausedFault })], Cancel);

        var row = Assert.Single(await Store.QueryAsync("SELECT url_id, status, regex_mach, request_ts, responce_ts FROM stats"));

        Assert.Equal(["1", "200", "ok"], row[..3].Select(v => Convert.ToString(v, CultureInfo.InvariantCulture)));
        Assert.Equal(Noon.AddMilliseconds(2), Utc(row[3]));
        Assert.Equal(Noon.AddMilliseconds(152), Utc(row[4]));
    }

    // SQLite has no type for times: text in UTC.
    private static DateTimeOffset Utc(object? value) =>
        new(DateTime.SpecifyKind(value as DateTime? ?? DateTime.Parse((string)value!, CultureInfo.InvariantCulture), DateTimeKind.Utc));
}
