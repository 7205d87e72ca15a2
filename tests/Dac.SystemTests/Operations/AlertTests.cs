using System.Text.RegularExpressions;

namespace Dac.SystemTests.Operations;

/// <summary>The rules of infra/prometheus, by promtool: each alert fires when its condition is provoked in a deployment that is well otherwise, and no other does.</summary>
public sealed partial class AlertTests
{
    private const string Rules = "infra/prometheus/rules.yml";

    /// <summary>A deployment that is well, for 30 min: name of the series, and its values in promtool's notation.</summary>
    private static readonly Dictionary<string, string> Well = new()
    {
        ["""dac_probes_finished_total{class="executed",outcome="Up",instance="c1"}"""] = "0+500x360",
        ["""dac_probes_finished_total{class="missed",outcome="Expired",instance="c1"}"""] = "0x360",
        ["""dac_slots_lost_total{instance="s1"}"""] = "0x360",
        ["""dac_slots_not_planned_total{instance="s1"}"""] = "0x360",
        ["""dac_slots_undeliverable_total{instance="s1"}"""] = "0x360",
        ["""dac_plan_ahead_seconds{instance="s1"}"""] = "2x360",
        ["""dac_windows_unexplained_total{instance="s1"}"""] = "0x360",
        ["""dac_catalogue_age_seconds{instance="s1"}"""] = "0x360",
        ["""dac_partition_consumers{instance="s1",location="default",partition="3"}"""] = "2x360",
        ["""dac_queue_messages{instance="s1",queue="probe-result"}"""] = "0x360",
        ["""dac_writer_lag_seconds_bucket{instance="w1",le="1"}"""] = "0+50x360",
        ["""dac_writer_lag_seconds_bucket{instance="w1",le="300"}"""] = "0+50x360",
        ["""dac_writer_lag_seconds_bucket{instance="w1",le="+Inf"}"""] = "0+50x360",
        ["""dac_collector_saturation{instance="c1"}"""] = "0.3x360",
        ["""dac_slot_lateness_seconds_bucket{instance="c1",le="0.002"}"""] = "0+500x360",
        ["""dac_slot_lateness_seconds_bucket{instance="c1",le="0.5"}"""] = "0+500x360",
        ["""dac_slot_lateness_seconds_bucket{instance="c1",le="+Inf"}"""] = "0+500x360",
        ["""dac_results_dropped_total{instance="c1"}"""] = "0x360",
        ["""dac_results_parked_total{instance="w1"}"""] = "0x360",
        ["""dac_collector_clock_offset_seconds{instance="c1"}"""] = "0.002x360",
        ["""up{job="dac",instance="c1"}"""] = "1x360",
    };

    /// <summary>What is provoked from the tenth minute on: alert, series, its values.</summary>
    public static TheoryData<string, string, string> Provocations => new()
    {
        { "DacCoverageLow", """dac_probes_finished_total{class="missed",outcome="Expired",instance="c1"}""", "0x120 0+1x240" },
        { "DacCoverageLow", """dac_slots_lost_total{instance="s1"}""", "0x120 0+1x240" },
        { "DacCoverageLow", """dac_slots_not_planned_total{instance="s1"}""", "0x120 0+1x240" },
        { "DacPlanBehind", """dac_plan_ahead_seconds{instance="s1"}""", "2x120 2-5x240" },
        { "DacPlanBehind", """dac_plan_ahead_seconds{instance="s1"}""", "2x60" },
        { "DacWindowsUnexplained", """dac_windows_unexplained_total{instance="s1"}""", "0x240 1x120" },
        { "DacCatalogueOld", """dac_catalogue_age_seconds{instance="s1"}""", "0x120 0+5x240" },
        { "DacPartitionWithoutConsumer", """dac_partition_consumers{instance="s1",location="default",partition="3"}""", "2x120 0x240" },
        { "DacWriterLag", """dac_writer_lag_seconds_bucket{instance="w1",le="1"}""", "0+50x120 6000x240" },
        { "DacResultsWait", """dac_queue_messages{instance="s1",queue="probe-result"}""", "0x120 5000x240" },
        { "DacCollectorSaturated", """dac_collector_saturation{instance="c1"}""", "0.3x120 0.97x240" },
        { "DacSlotsLate", """dac_slot_lateness_seconds_bucket{instance="c1",le="0.002"}""", "0+500x120 60000+450x240" },
        { "DacResultsDropped", """dac_results_dropped_total{instance="c1"}""", "0x240 12x120" },
        { "DacResultsParked", """dac_results_parked_total{instance="w1"}""", "0x240 1x120" },
        { "DacClockOff", """dac_collector_clock_offset_seconds{instance="c1"}""", "0x120 -0.4x240" },
        { "DacServiceDown", """up{job="dac",instance="c1"}""", "1x120 0x240" },
    };

    [Theory]
    [MemberData(nameof(Provocations))]
    public async Task An_alert_fires_when_it_is_provoked_and_no_other_does(string alert, string series, string values) =>
        await ExpectAsync(new(Well) { [series] = values }, [alert]);

    [Fact]
    public async Task Nothing_fires_while_all_is_well() => await ExpectAsync(Well, []);

    [Fact]
    public async Task One_scheduler_without_its_database_is_no_alarm_while_the_other_plans() =>
        await ExpectAsync(new(Well) { ["""dac_plan_ahead_seconds{instance="s2"}"""] = "2-5x360" }, []);

    [Fact]
    public void Every_alert_is_provoked_and_says_what_to_do()
    {
        var rules = File.ReadAllText(Path.Combine(Tool.Root, Rules));
        var alerts = Alert().Matches(rules).Select(m => m.Groups[1].Value).ToList();
        Assert.Equal(alerts.Order(), Provocations.Select(p => p.Data.Item1).Distinct().Order());
        Assert.Equal(alerts.Count, Regex.Count(rules, "^          runbook: ", RegexOptions.Multiline));
    }

    [Theory]
    [InlineData("prometheus.yml")]
    [InlineData("prometheus-kubernetes.yml")]
    public async Task The_configurations_are_those_of_a_prometheus(string name)
    {
        // Debian's Prometheus is built without the discovery of Kubernetes: its place is taken by another one here.
        var text = File.ReadAllText(Path.Combine(Tool.Root, "infra/prometheus", name))
            .Replace("    kubernetes_sd_configs:\n      - role: pod\n        namespaces:\n          names: [dac]\n", "    static_configs:\n      - targets: [localhost:1]\n", StringComparison.Ordinal)
            .Replace("  - rules.yml", $"  - {Path.Combine(Tool.Root, Rules)}", StringComparison.Ordinal);
        var (code, output) = await CheckAsync(text, "check", "config");
        Assert.True(code == 0, output);
        Assert.NotEqual(0, (await CheckAsync(text + "wrong: field\n", "check", "config")).Code);
    }

    private static async Task ExpectAsync(Dictionary<string, string> series, string[] alerts)
    {
        var samples = string.Concat(alerts.Select(a => $"\n          - labels: '{{alertname=\"{a}\"}}'\n            value: 1"));
        var text = $"""
            rule_files: ['{Path.Combine(Tool.Root, Rules)}']
            evaluation_interval: 5s
            tests:
              - interval: 5s
                input_series:
            {string.Concat(series.Select(s => $"      - series: '{s.Key}'\n        values: '{s.Value}'\n"))}
                promql_expr_test:
                  - expr: max by (alertname) (ALERTS{"{"}alertstate="firing"{"}"})
                    eval_time: 25m
                    exp_samples: {(alerts.Length == 0 ? "[]" : samples)}
            """;
        var (code, output) = await CheckAsync(text, "test", "rules");
        Assert.True(code == 0, output);
    }

    private static async Task<(int Code, string Output)> CheckAsync(string text, params string[] command)
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, text, TestContext.Current.CancellationToken);
            return await Tool.RunAsync("promtool", [.. command, file]);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [GeneratedRegex(@"^      - alert: (\w+)$", RegexOptions.Multiline)]
    private static partial Regex Alert();
}
