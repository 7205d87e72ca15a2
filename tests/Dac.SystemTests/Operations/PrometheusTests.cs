using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Dac.SystemTests.Distributed;
using Dac.SystemTests.Fixtures;

namespace Dac.SystemTests.Operations;

/// <summary>A real Prometheus scrapes running services: docs/metrics.md, the rules and the dashboards name what is there, and nothing else.</summary>
[Collection(nameof(DistributedTests.Alone))]
public sealed partial class PrometheusTests(PostgreSql postgres, RabbitMq rabbit)
{
    private static readonly HttpClient Http = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_the_services_expose_is_what_the_page_the_rules_and_the_dashboards_name()
    {
        Tool.Require("prometheus");
        await using var dac = await Deployment.CreateAsync(postgres, rabbit);
        await dac.SaveTargetsAsync(100);
        var services = new List<DacProcess> { await dac.StartAsync("Writer"), await dac.StartAsync("Collector"), await dac.StartAsync("Scheduler") };
        await dac.WaitForRowsAsync(50);
        await using var prometheus = await Prometheus.StartAsync([.. services.Select(s => s.Url)], Path.Combine(Tool.Root, "infra/prometheus/rules.yml"));
        await Poll.UntilAsync("all three are scraped", async () => (await prometheus.QueryAsync("up == 1")).Count == 3);
        await Poll.UntilAsync("the partitions have their consumer", async () => (await prometheus.QueryAsync("dac_partition_consumers == 1")).Count > 0);

        // 1. The page.
        var names = (await prometheus.GetAsync("label/__name__/values")).AsArray().Select(n => n!.GetValue<string>())
            // When a series began, which OpenMetrics tells with each.
            .Where(n => n.StartsWith("dac_", StringComparison.Ordinal) && !n.EndsWith("_created", StringComparison.Ordinal)).ToHashSet();
        var page = await File.ReadAllTextAsync(Path.Combine(Tool.Root, "docs/metrics.md"), Cancel);
        var documented = Row().Matches(page).Select(m => m.Groups[1].Value).ToList();
        Assert.Equal(documented.Order(StringComparer.Ordinal), names.Select(n => Suffix().Replace(n, "")).Distinct().Order(StringComparer.Ordinal));

        // 2. The dashboards and the rules: each query is answered, and names only what there is.
        var queries = Dashboards().SelectMany(Expressions).ToList();
        Assert.True(queries.Count > 20, $"{queries.Count} queries");
        foreach (var query in queries.Concat(await prometheus.RulesAsync()))
        {
            var plain = query.Replace("$__rate_interval", "1m", StringComparison.Ordinal).Replace("$location", ".*", StringComparison.Ordinal);
            await prometheus.QueryAsync(plain);
            Assert.All(Name().Matches(plain), m => Assert.True(names.Contains(m.Value), $"{m.Value} is not exposed: {query}"));
        }
        await Poll.UntilAsync("coverage is recorded", async () => (await prometheus.QueryAsync("dac:coverage:ratio5m > 0")).Count > 0);

        // 3. Without its collector a partition has none.
        await services[1].StopAsync();
        await Poll.UntilAsync("a partition is without consumer", async () => (await prometheus.QueryAsync("max by (location, partition) (dac_partition_consumers) == 0")).Count > 0);
    }

    [Fact]
    public void The_dashboards_are_what_the_provisioning_loads()
    {
        var provider = File.ReadAllText(Path.Combine(Tool.Root, "infra/grafana/provisioning/dashboards/dac.yml"));
        var source = File.ReadAllText(Path.Combine(Tool.Root, "infra/grafana/provisioning/datasources/prometheus.yml"));
        Assert.Contains("path: /var/lib/grafana/dashboards", provider, StringComparison.Ordinal);
        var uids = Dashboards().Select(d => d["uid"]!.GetValue<string>()).ToList();
        Assert.Equal(uids.Count, uids.Distinct().Count());
        Assert.All(Dashboards().SelectMany(d => d["panels"]!.AsArray()).Where(p => p!["targets"] is not null), panel =>
        {
            Assert.Contains($"uid: {panel!["datasource"]!["uid"]}", source, StringComparison.Ordinal);
            Assert.NotEmpty(panel["title"]!.GetValue<string>());
            Assert.NotEmpty(panel["fieldConfig"]!["defaults"]!["unit"]!.GetValue<string>());
        });
    }

    private static List<JsonNode> Dashboards() =>
        [.. Directory.GetFiles(Path.Combine(Tool.Root, "infra/grafana/dashboards"), "*.json").Order().Select(f => JsonNode.Parse(File.ReadAllText(f))!)];

    private static IEnumerable<string> Expressions(JsonNode dashboard) =>
        dashboard["panels"]!.AsArray().SelectMany(p => p!["targets"]?.AsArray() ?? []).Select(t => t!["expr"]!.GetValue<string>());

    [GeneratedRegex(@"^\| `(dac_\w+)` \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex("_(bucket|sum|count)$")]
    private static partial Regex Suffix();

    [GeneratedRegex(@"\bdac_\w+")]
    private static partial Regex Name();

    /// <summary>A Prometheus of the test's own.</summary>
    private sealed class Prometheus : IAsyncDisposable
    {
        private readonly string _folder;
        private readonly Process _process;
        private readonly Uri _api;

        private Prometheus(string folder, Process process, Uri api) => (_folder, _process, _api) = (folder, process, api);

        public static async Task<Prometheus> StartAsync(Uri[] targets, string rules)
        {
            var folder = Directory.CreateTempSubdirectory("dac-prometheus").FullName;
            var port = FreePort();
            await File.WriteAllTextAsync(Path.Combine(folder, "prometheus.yml"), $"""
                global: {"{"}scrape_interval: 1s, evaluation_interval: 1s{"}"}
                rule_files: ['{rules}']
                scrape_configs:
                  - job_name: dac
                    static_configs:
                      - targets: [{string.Join(", ", targets.Select(t => t.Authority))}]
                """, Cancel);
            var process = Process.Start("prometheus", [$"--config.file={folder}/prometheus.yml", $"--storage.tsdb.path={folder}/data", $"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]);
            var prometheus = new Prometheus(folder, process, new Uri($"http://127.0.0.1:{port}/api/v1/"));
            await Poll.UntilAsync("Prometheus answers", async () =>
            {
                try
                {
                    return (await Http.GetAsync(new Uri($"http://127.0.0.1:{port}/-/ready"), Cancel)).IsSuccessStatusCode;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            });
            return prometheus;
        }

        public async Task<JsonNode> GetAsync(string path)
        {
            using var answer = await Http.GetAsync(new Uri(_api, path), Cancel);
            var text = await answer.Content.ReadAsStringAsync(Cancel);
            Assert.True(answer.IsSuccessStatusCode, $"{path}: {text}");
            return JsonNode.Parse(text)!["data"]!;
        }

        public async Task<JsonArray> QueryAsync(string query) => (await GetAsync($"query?query={Uri.EscapeDataString(query)}"))["result"]!.AsArray();

        public async Task<IEnumerable<string>> RulesAsync() =>
            (await GetAsync("rules"))["groups"]!.AsArray().SelectMany(g => g!["rules"]!.AsArray()).Select(r => r!["query"]!.GetValue<string>());

        public async ValueTask DisposeAsync()
        {
            _process.Kill();
            await _process.WaitForExitAsync(CancellationToken.None);
            _process.Dispose();
            Directory.Delete(_folder, recursive: true);
        }

        private static int FreePort()
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            return ((IPEndPoint)listener.LocalEndpoint).Port;
        }
    }
}
