using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Dac.SystemTests.Fixtures;

namespace Dac.SystemTests.Distributed;

/// <summary>The two commands of the README, in containers: from a clone to the page, the ledger and the logs.</summary>
[Collection(nameof(DistributedTests.Alone))]
public sealed class ComposeTests
{
    private static readonly string[] Services = ["collector", "collector", "scheduler", "web", "writer"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task From_a_clone_to_a_closed_ledger_in_containers()
    {
        await using var compose = await Compose.CreateAsync();
        var clock = Stopwatch.StartNew();
        await compose.DoAsync("build", "-q");
        Tell("images built", clock);
        await compose.DoAsync("up", "-d", "--wait", "--wait-timeout", "180", "--no-build");
        Tell("all healthy", clock);
        var containers = await compose.ContainersAsync();
        Assert.All(containers.Where(c => c.Service is not ("setup" or "seq")), c => Assert.Equal(("running", "healthy"), (c.State, c.Health)));
        Assert.Equal(Services, containers.Select(c => c.Service).Where(Services.Contains).Order());
        Assert.Equal(0, containers.Single(c => c.Service == "setup").ExitCode);

        using var web = new HttpClient { BaseAddress = await compose.PublishedAsync("web", 8080), Timeout = TimeSpan.FromSeconds(10) };
        Assert.True(IPAddress.IsLoopback(IPAddress.Parse(web.BaseAddress.Host)));
        var samples = File.ReadLines(Path.Combine(compose.Root, "samples", "compose.csv")).Skip(1).Select(l => l.Split(',')[0]).ToDictionary(k => k, k => k is "nobody-listens" or "no-such-page" ? "down" : "up");
        var states = new Dictionary<string, string>();
        await Poll.UntilAsync("every sample is as it should be", async () => samples.All((states = await StatesAsync(web)).Contains), TimeSpan.FromSeconds(60));
        Tell("all samples probed and stored", clock);
        Assert.Equal(samples.OrderBy(s => s.Key), states.OrderBy(s => s.Key));
        var page = await web.GetStringAsync(new Uri("/", UriKind.Relative), Cancel);
        Assert.All(samples.Keys, key => Assert.Contains(key, page, StringComparison.Ordinal));

        var location = new { url = "http://web:8080/health/live", key = "far", interval = "1s", locations = new[] { "mars" } };
        Assert.Equal(HttpStatusCode.Unauthorized, (await web.PostAsJsonAsync("/api/targets", location, Cancel)).StatusCode);
        web.DefaultRequestHeaders.Add("X-Api-Key", compose.Setting("WEB_API_KEY"));
        Assert.Equal(HttpStatusCode.Created, (await web.PostAsJsonAsync("/api/targets", location, Cancel)).StatusCode);
        await SeqHasAsync(compose);

        await compose.DoAsync("stop", "scheduler");
        JsonElement ledger = default;
        await Poll.UntilAsync(
            "every slot has its row",
            async () => (ledger = await web.GetFromJsonAsync<JsonElement>("/api/ledger", Cancel)) is var l
                && Count(l, "planned") > 0 && Count(l, "pending") == 0 && Count(l, "unaccounted") == 0,
            TimeSpan.FromSeconds(60));
        TestContext.Current.TestOutputHelper!.WriteLine(ledger.ToString());
        Assert.True(Count(ledger, "executed") > 0);

        clock.Restart();
        await compose.DoAsync("stop");
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(90));
        Tell("stopped", clock);
        Assert.All((await compose.ContainersAsync()).Where(c => Services.Contains(c.Service)), c => Assert.Equal((c.Service, 0), (c.Service, c.ExitCode)));
        await compose.DoAsync("down");
        Assert.Empty(await compose.ContainersAsync());
    }

    [Fact]
    public async Task Without_passwords_compose_refuses_and_names_the_script_that_makes_them()
    {
        await using var compose = await Compose.CreateAsync();
        var (code, _, errors) = await compose.RunAsync("docker", "compose", "--project-directory", compose.Root, "--env-file", "/dev/null", "config", "-q");
        Assert.NotEqual(0, code);
        Assert.Contains("infra/make-env.sh", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_CPU_is_short_a_collector_has_the_greatest_share_of_it()
    {
        await using var compose = await Compose.CreateAsync();
        var services = JsonSerializer.Deserialize<JsonElement>(await compose.DoAsync("--profile", "*", "config", "--format", "json")).GetProperty("services");
        // Docker's own where none is given.
        var shares = services.EnumerateObject().ToDictionary(s => s.Name, s => s.Value.TryGetProperty("cpu_shares", out var given) ? given.GetInt32() : 1_024);
        Assert.Equal(4_096, shares["collector"]);
        Assert.All(shares.Where(s => s.Key != "collector"), s => Assert.Equal(1_024, s.Value));
    }

    // Seq itself has no way to read events without an account: only the stand-in, which prints them, is looked at.
    private static async Task SeqHasAsync(Compose compose)
    {
        if ((await compose.RunAsync("docker", "image", "inspect", "-f", "{{index .Config.Labels \"dac.stand-in\"}}", "datalust/seq:2025")).Output.Trim() != "true")
            return;
        string[] wanted = ["\"Service\":\"scheduler\"", "\"Service\":\"collector\"", "\"Service\":\"writer\"", "\"Service\":\"web\"", "\"Active\":", "\"Slots\":", "\"@mt\":"];
        var missing = wanted;
        await Poll.UntilAsync(
            "Seq has events of every service, with their properties",
            async () =>
            {
                var events = await compose.DoAsync("logs", "--no-log-prefix", "seq");
                missing = [.. wanted.Where(w => !events.Contains(w, StringComparison.Ordinal))];
                return missing.Length == 0;
            },
            TimeSpan.FromSeconds(60));
    }

    private static async Task<Dictionary<string, string>> StatesAsync(HttpClient web) =>
        (await web.GetFromJsonAsync<JsonElement>("/api/targets", Cancel)).GetProperty("targets").EnumerateArray().ToDictionary(
            t => t.GetProperty("key").GetString()!, t => t.GetProperty("state").EnumerateArray().Select(s => s.GetProperty("health").GetString()!).FirstOrDefault("none"));

    private static long Count(JsonElement ledger, string name) => ledger.GetProperty(name).GetInt64();

    private static void Tell(string what, Stopwatch clock) => TestContext.Current.TestOutputHelper!.WriteLine($"{what}: {clock.Elapsed.TotalSeconds:F0} s");
}
