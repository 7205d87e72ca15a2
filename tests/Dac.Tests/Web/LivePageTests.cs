using System.Net;
using Dac.Contracts;
using Dac.Storage;
using Dac.Targets;

namespace Dac.Tests.Web;

public sealed class LivePageTests
{
    private static long Now => TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();

    [Fact]
    public async Task The_page_shows_a_target_with_its_state_in_words()
    {
        await using var web = await WebHost.StartAsync();
        var id = await web.AddTargetAsync(key: "shop");
        await web.StoreAsync(new ProbeResult { TargetId = id, ScheduledAtMs = Now - 5_000, Outcome = Outcome.BadStatus, StatusCode = 503, TotalUs = 45_678, Error = "The status is 503." });

        var page = WebUtility.HtmlDecode(await web.Http.GetStringAsync("/", WebHost.Cancel));

        Assert.Contains(">shop</a>", page, StringComparison.Ordinal);
        Assert.Contains(">down</span>", page, StringComparison.Ordinal);
        Assert.Contains("503 ", page, StringComparison.Ordinal);
        Assert.Contains("The status is 503.", page, StringComparison.Ordinal);
        Assert.Contains("46 ms", page, StringComparison.Ordinal);
        Assert.Contains("<title>1 down · DAC</title>", page, StringComparison.Ordinal);
        Assert.Contains("Oldest to newest: 1 down", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_hostile_error_and_key_are_text()
    {
        await using var web = await WebHost.StartAsync();
        var id = await web.AddTargetAsync(key: "\"><script>alert(1)</script>");
        await web.StoreAsync(new ProbeResult { TargetId = id, ScheduledAtMs = Now, Outcome = Outcome.ProtocolError, Error = "<script>alert(2)</script>" });

        var page = await web.Http.GetStringAsync("/", WebHost.Cancel);

        Assert.DoesNotContain("<script>", page, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;alert(1)", page, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;alert(2)", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_targets_the_page_says_how_to_import_some()
    {
        await using var web = await WebHost.StartAsync();

        var page = await web.Http.GetStringAsync("/", WebHost.Cancel);

        Assert.Contains("dotnet run --project services/Dac.Standalone -- --import samples/urls.csv", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<table>", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_target_that_was_not_probed_for_long_is_not_shown_as_up()
    {
        await using var web = await WebHost.StartAsync();
        var id = await web.AddTargetAsync(interval: "10s");
        await web.StoreAsync(new ProbeResult { TargetId = id, ScheduledAtMs = Now - 600_000, Outcome = Outcome.Up, StatusCode = 200 });

        var page = await web.Http.GetStringAsync("/", WebHost.Cancel);

        Assert.Contains(">silent</span>", page, StringComparison.Ordinal);
        Assert.Contains("was up, 10 min ago", page, StringComparison.Ordinal);
        Assert.DoesNotContain(">up</span>", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_many_targets_the_page_shows_500_and_those_that_are_down_first()
    {
        await using var web = await WebHost.StartAsync();
        await web.Services.GetRequiredService<TargetStore>().SaveAsync(
            [.. Enumerable.Range(1, 502).Select(i => new TargetDefinition { Key = $"target-{i}", Url = $"https://example.org/{i}", Interval = "10s" })], cancellationToken: WebHost.Cancel);
        await web.StoreAsync(new ProbeResult { TargetId = 502, ScheduledAtMs = Now, Outcome = Outcome.Timeout });

        var page = await web.Http.GetStringAsync("/", WebHost.Cancel);

        Assert.Contains("Shown are the 500 of 502 targets", page, StringComparison.Ordinal);
        Assert.Equal(501, page.Split("<tr>").Length - 1);
        Assert.True(page.IndexOf(">target-502<", StringComparison.Ordinal) < page.IndexOf(">target-1<", StringComparison.Ordinal));
        Assert.DoesNotContain(">target-501<", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_the_pages_own_script_and_style_may_run()
    {
        await using var web = await WebHost.StartAsync();

        using var first = await web.Http.GetAsync("/", WebHost.Cancel);
        using var second = await web.Http.GetAsync("/", WebHost.Cancel);

        var policy = Assert.Single(first.Headers.GetValues("Content-Security-Policy"));
        var nonce = policy.Split("script-src 'nonce-")[1].Split('\'')[0];
        Assert.StartsWith("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.Contains($"<script nonce=\"{nonce}\">", WebUtility.HtmlDecode(await first.Content.ReadAsStringAsync(WebHost.Cancel)), StringComparison.Ordinal);
        Assert.NotEqual(policy, second.Headers.GetValues("Content-Security-Policy").Single());
        Assert.Equal("nosniff", first.Headers.GetValues("X-Content-Type-Options").Single());
    }
}
