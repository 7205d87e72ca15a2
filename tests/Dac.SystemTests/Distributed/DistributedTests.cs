using System.Text.Json;
using Dac.Contracts;
using Dac.Storage;
using Dac.SystemTests.Fixtures;
using Microsoft.EntityFrameworkCore;

namespace Dac.SystemTests.Distributed;

/// <summary>Scheduler, collectors and writer as processes of their own, on RabbitMQ and PostgreSQL: the steps of "How a slot flows" in README.</summary>
[Collection(nameof(Alone))]
public sealed class DistributedTests(PostgreSql postgres, RabbitMq rabbit)
{
    /// <summary>Tests that count on the machine keeping up run beside no others.</summary>
    [CollectionDefinition(nameof(Alone), DisableParallelization = true)]
    public sealed class Alone;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_planned_slot_has_exactly_one_row_after_a_rolling_stop()
    {
        await using var dac = await Deployment.CreateAsync(postgres, rabbit);
        await dac.SaveTargetsAsync(500);
        var writer = await dac.StartAsync("Writer");
        var collector = await dac.StartAsync("Collector");
        var scheduler = await dac.StartAsync("Scheduler");
        await dac.WaitForRowsAsync(500);
        Assert.Equal(0, await scheduler.StopAsync());
        Assert.Equal(0, await collector.StopAsync());
        var ledger = await dac.ClosedLedgerAsync();
        Assert.Equal(0, await writer.StopAsync());
        Assert.True(ledger.Missed.Sum == 0 && Probed(ledger) == ledger.Planned, ledger.ToString());
        Assert.Equal(ledger.Planned, await dac.QueryAsync(db => db.Results.LongCountAsync(Cancel)));
        Assert.All(await dac.QueryAsync(db => db.Results.Where(r => r.Outcome == Outcome.Up).ToListAsync(Cancel)), r => Assert.Equal(("OK", (short)200), (r.Match, r.StatusCode)));
    }

    [Fact]
    public async Task When_one_of_two_collectors_is_killed_the_other_carries_on_and_every_slot_is_accounted_for()
    {
        await using var dac = await Deployment.CreateAsync(postgres, rabbit);
        await dac.SaveTargetsAsync(500);
        await dac.StartAsync("Writer");
        var first = await dac.StartAsync("Collector", "--Collector:Name=first");
        var scheduler = await dac.StartAsync("Scheduler");
        await dac.WaitForRowsAsync(200);
        var second = await dac.StartAsync("Collector", "--Collector:Name=second");
        await Poll.UntilAsync("both probe", async () => await CountAsync(dac, "second") > 50, TimeSpan.FromSeconds(30));
        await first.KillAsync();
        var killedAt = TimeProvider.System.GetUtcNow();
        await Poll.UntilAsync("the second probes all", async () => await dac.QueryAsync(db => db.Results.CountAsync(r => r.ScheduledAt > killedAt.AddSeconds(4), Cancel)) > 300, TimeSpan.FromSeconds(30));
        await scheduler.StopAsync();
        await second.StopAsync();
        var ledger = await dac.ClosedLedgerAsync();
        Assert.Equal(ledger.Planned, Probed(ledger) + ledger.Missed.Sum);
        Assert.True(ledger.Missed.Lost == 0, ledger.ToString());
        Assert.True(await CountAsync(dac, "first") > 0);
        TestContext.Current.TestOutputHelper!.WriteLine($"planned {ledger.Planned}, late {ledger.Late}, expired {ledger.Missed.Expired}");
    }

    [Fact]
    public async Task A_collector_that_hangs_loses_its_batches_to_the_other_and_books_nothing_as_down_when_it_goes_on()
    {
        await using var dac = await Deployment.CreateAsync(postgres, rabbit);
        await dac.SaveTargetsAsync(500);
        await dac.StartAsync("Writer");
        var first = await dac.StartAsync("Collector", "--Collector:Name=first");
        await dac.StartAsync("Collector", "--Collector:Name=second");
        await dac.StartAsync("Scheduler");
        await Poll.UntilAsync("both probe", async () => await CountAsync(dac, "first") > 50 && await CountAsync(dac, "second") > 50);
        await first.SignalAsync("STOP");
        var stoppedAt = TimeProvider.System.GetUtcNow();
        // The broker takes it for gone after two heartbeats at most, of 10 s.
        await Poll.UntilAsync("the second has all to itself", async () => await CountAsync(dac, "second", stoppedAt.AddSeconds(25)) > 490, TimeSpan.FromSeconds(60));
        await first.SignalAsync("CONT");
        var resumedAt = TimeProvider.System.GetUtcNow();
        await Poll.UntilAsync("the first probes again", async () => await CountAsync(dac, "first", resumedAt) > 50, TimeSpan.FromSeconds(60));
        var ledger = await dac.ClosedLedgerAsync(resumedAt);
        Assert.Equal(ledger.Planned, Probed(ledger) + ledger.Missed.Sum);
        Assert.All(await dac.QueryAsync(db => db.Results.Select(r => r.Outcome).Distinct().ToListAsync(Cancel)), o => Assert.True(o.Class() != OutcomeClass.Executed || o == Outcome.Up, $"{o}"));
        TestContext.Current.TestOutputHelper!.WriteLine($"planned {ledger.Planned}, late {ledger.Late}, observer faults {ledger.ObserverFaults}, expired {ledger.Missed.Expired}, lost {ledger.Missed.Lost}");
    }

    [Fact]
    public async Task A_collector_that_is_scaled_down_finishes_what_it_holds_and_no_slot_is_missed()
    {
        await using var dac = await Deployment.CreateAsync(postgres, rabbit);
        await dac.SaveTargetsAsync(500);
        await dac.StartAsync("Writer");
        var first = await dac.StartAsync("Collector", "--Collector:Name=first");
        var second = await dac.StartAsync("Collector", "--Collector:Name=second");
        var scheduler = await dac.StartAsync("Scheduler");
        await Poll.UntilAsync("both probe", async () => await CountAsync(dac, "first") > 50 && await CountAsync(dac, "second") > 50);
        Assert.Equal(0, await first.StopAsync());
        await scheduler.StopAsync();
        await second.StopAsync();
        var ledger = await dac.ClosedLedgerAsync();
        Assert.True(ledger.Missed.Sum == 0 && Probed(ledger) == ledger.Planned, ledger.ToString());
    }

    [Fact]
    public async Task A_killed_scheduler_leaves_nothing_unaccounted_and_the_other_goes_on()
    {
        await using var dac = await Deployment.CreateAsync(postgres, rabbit);
        await dac.SaveTargetsAsync(500);
        await dac.StartAsync("Writer");
        var collector = await dac.StartAsync("Collector");
        var first = await dac.StartAsync("Scheduler");
        var second = await dac.StartAsync("Scheduler");
        await dac.WaitForRowsAsync(300);
        await first.KillAsync();
        await dac.WaitForRowsAsync(1_200);
        await second.StopAsync();
        await collector.StopAsync();
        var ledger = await dac.ClosedLedgerAsync();
        Assert.True(ledger is { Missed.Sum: 0, GapSeconds: 0 } && Probed(ledger) == ledger.Planned, ledger.ToString());
    }

    [Theory]
    [InlineData("hangs")]
    [InlineData("is stopped")]
    [InlineData("is short of memory")]
    public async Task While_the_broker_takes_nothing_the_plan_is_written_on_without_a_gap(string broker)
    {
        await using var rabbit = new RabbitMq();
        await using var dac = await Deployment.CreateAsync(postgres, rabbit);
        await dac.SaveTargetsAsync(500);
        await dac.StartAsync("Scheduler");
        await dac.StartAsync("Scheduler");
        await Poll.UntilAsync("windows are planned", async () => (await PlannedAsync(dac)).Count > 50);
        await (broker switch
        {
            "hangs" => rabbit.PauseAsync(),
            "is stopped" => rabbit.StopAsync(),
            _ => rabbit.ControlAsync("set_vm_memory_high_watermark", "0.0001"),
        });
        var since = TimeProvider.System.GetUtcNow();

        await Poll.UntilAsync("20 s more are planned", async () => (await PlannedAsync(dac)).Exists(w => w.StartsAt > since.AddSeconds(20)), TimeSpan.FromSeconds(90));

        var planned = await PlannedAsync(dac);
        if (broker == "hangs")
            await rabbit.UnpauseAsync();
        Assert.All(planned.GroupBy(w => w.Partition), windows =>
            Assert.Equal((windows.Max(w => w.StartsAt) - windows.Min(w => w.StartsAt)).TotalSeconds + 1, windows.Count()));
    }

    [Fact]
    public async Task A_slot_for_a_location_that_has_no_collector_is_undeliverable_and_costs_the_others_nothing()
    {
        await using var dac = await Deployment.CreateAsync(postgres, rabbit);
        await dac.SaveTargetsAsync(10, "default", "mars");
        await dac.StartAsync("Writer");
        await dac.StartAsync("Collector");
        var scheduler = await dac.StartAsync("Scheduler");
        await dac.WaitForRowsAsync(30);
        await scheduler.StopAsync();
        var ledger = await dac.ClosedLedgerAsync();
        Assert.Equal(ledger.Planned / 2, Probed(ledger));
        Assert.Equal(ledger.Planned / 2, ledger.Missed.Undeliverable);
    }

    [Fact]
    public async Task A_service_waits_for_a_broker_and_a_database_that_are_not_there_yet_and_says_which()
    {
        await using var dac = await Deployment.CreateAsync(postgres, rabbit);
        var settings = new Dictionary<string, string>(dac.Settings) { ["ConnectionStrings__Broker"] = "amqp://dac:dac@127.0.0.1:9/" };
        await using (var collector = new DacProcess("Collector", settings, "--urls", "http://127.0.0.1:0"))
        {
            await Poll.UntilAsync("it names the broker", async () => await collector.GetAsync("/health/ready") is { StatusCode: System.Net.HttpStatusCode.ServiceUnavailable } answer
                && (await answer.Content.ReadAsStringAsync(Cancel)).Contains("broker (publishing)\":\"missing", StringComparison.Ordinal));
            Assert.True((await collector.GetAsync("/health/live"))!.IsSuccessStatusCode);
        }
        settings["ConnectionStrings__Database"] = "Host=127.0.0.1;Port=9;Username=x;Password=geheim;Database=x";
        await using var writer = new DacProcess("Writer", settings, "--urls", "http://127.0.0.1:0");
        await Poll.UntilAsync("it names the database", async () => await writer.GetAsync("/health/ready") is { StatusCode: System.Net.HttpStatusCode.ServiceUnavailable } answer
            && (await answer.Content.ReadAsStringAsync(Cancel)).Contains("database\":\"missing: PostgreSQL 127.0.0.1 does not answer", StringComparison.Ordinal));
        Assert.True((await writer.GetAsync("/health/live"))!.IsSuccessStatusCode);
        Assert.False(writer.HasExited);
        Assert.DoesNotContain("geheim", writer.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Scheduler")]
    [InlineData("Writer")]
    public async Task A_service_that_is_told_to_stop_while_it_waits_for_its_database_ends_cleanly(string service)
    {
        await using var dac = await Deployment.CreateAsync(postgres, rabbit);
        await using var process = new DacProcess(
            service, new Dictionary<string, string>(dac.Settings) { ["ConnectionStrings__Database"] = "Host=127.0.0.1;Port=9;Username=x;Password=x;Database=x" }, "--urls", "http://127.0.0.1:0");
        await Poll.UntilAsync("it waits", async () => await process.GetAsync("/health/ready") is not null);
        Assert.Equal(0, await process.StopAsync());
    }

    [Fact]
    public async Task A_wrong_password_for_the_database_refuses_the_start_with_a_sentence()
    {
        await using var dac = await Deployment.CreateAsync(postgres, rabbit);
        var database = new Npgsql.NpgsqlConnectionStringBuilder(dac.Settings["ConnectionStrings__Database"]) { Password = "falsch" }.ConnectionString;
        await using var writer = new DacProcess("Writer", new Dictionary<string, string>(dac.Settings) { ["ConnectionStrings__Database"] = database }, "--urls", "http://127.0.0.1:0");
        Assert.Equal(1, await writer.EndAsync());
        Assert.Contains("refuses the connection", writer.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("falsch", writer.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", writer.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Scheduler", "ConnectionStrings__Broker", "", "ConnectionStrings:Broker is not set")]
    [InlineData("Collector", "ConnectionStrings__Broker", "rabbit:5672", "ConnectionStrings:Broker can't be read")]
    [InlineData("Writer", "ConnectionStrings__Database", "", "ConnectionStrings:Database is not set")]
    [InlineData("Scheduler", "ConnectionStrings__Database", "Server Room=5", "ConnectionStrings:Database can't be read")]
    [InlineData("Collector", "Collector__MaxConcurrency", "0", "Collector:MaxConcurrency '0' is not allowed: give 1 to 100000 (default: 2000).")]
    [InlineData("Collector", "Collector__Location", "a b", "Collector:Location 'a b' is not allowed: give 1 to 30 letters, digits and hyphens (default: default).")]
    [InlineData("Collector", "Collector__Location", "", "Collector:Location '' is not allowed: give 1 to 30 letters, digits and hyphens (default: default).")]
    [InlineData("Scheduler", "Topology__Partitions", "4", "Topology:Partitions is 4, but the database")]
    [InlineData("Scheduler", "Telemetry__TraceSampleRatio", "2", "Telemetry:TraceSampleRatio is 2; allowed is 0 to 1")]
    [InlineData("Collector", "Seq__ServerUrl", "seq", "Seq:ServerUrl is not a URL")]
    public async Task A_wrong_setting_refuses_the_start_with_a_sentence(string service, string key, string value, string sentence)
    {
        await using var dac = await Deployment.CreateAsync(postgres, rabbit);
        await using var process = new DacProcess(service, new Dictionary<string, string>(dac.Settings) { [key] = value }, "--urls", "http://127.0.0.1:0");
        Assert.Equal(1, await process.EndAsync());
        Assert.Contains(sentence, process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", process.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_web_service_shows_what_the_others_stored()
    {
        await using var dac = await Deployment.CreateAsync(postgres, rabbit);
        await dac.SaveTargetsAsync(10);
        var writer = await dac.StartAsync("Writer");
        await dac.StartAsync("Collector");
        await dac.StartAsync("Scheduler");
        var web = await dac.StartAsync("Web");
        await dac.WaitForRowsAsync(10);
        using var results = JsonDocument.Parse(await (await web.GetAsync("/api/targets/1/results"))!.Content.ReadAsStringAsync(Cancel));
        Assert.Equal("up", results.RootElement.GetProperty("results")[0].GetProperty("outcome").GetString());
        Assert.Contains("t0", await (await web.GetAsync("/"))!.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        Assert.Contains("dac_results_stored", await (await writer.GetAsync("/metrics"))!.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_message_that_is_none_is_set_aside_and_the_rest_flows()
    {
        await using var dac = await Deployment.CreateAsync(postgres, rabbit);
        await dac.SaveTargetsAsync(10);
        await dac.StartAsync("Writer");
        await dac.StartAsync("Collector");
        foreach (var (queue, payload) in new[]
        {
            (Queues.ProbeResult, "{\"nonsense\":true}"), (Queues.ProbeResult, "{\"location\":null,\"collector\":\"x\",\"results\":[null]}"), (Queues.ProbeResult, "no json"),
            (Queues.ProbeUrl("default", 0), "{\"nonsense\":true}"),
            (Queues.ProbeUrl("default", 0), "{\"location\":\"x\",\"partition\":0,\"partitions\":16,\"windowStartMs\":0,\"probes\":[null]}"),
        })
        {
            var poison = new { properties = new { content_type = "application/json" }, routing_key = "", payload, payload_encoding = "string" };
            (await dac.Vhost.Management.PostAsJsonAsync(new Uri(dac.Vhost.Path("exchanges", queue) + "/publish", UriKind.Relative), poison, Cancel)).EnsureSuccessStatusCode();
        }
        await dac.StartAsync("Scheduler");
        await dac.WaitForRowsAsync(20);
        await Poll.UntilAsync("it is in the error queue", async () => (await dac.Vhost.Management.GetAsync(new Uri(dac.Vhost.Path("queues", Queues.ProbeResult + "_error"), UriKind.Relative), Cancel)).IsSuccessStatusCode);
    }

    private static Task<List<(short Partition, DateTimeOffset StartsAt)>> PlannedAsync(Deployment dac) =>
        dac.QueryAsync(async db => (await db.PlanWindows.Where(w => w.PlannedAt != null).Select(w => new { w.Partition, w.StartsAt }).ToListAsync(Cancel)).ConvertAll(w => (w.Partition, w.StartsAt)));

    // Two cores that start services and compile them can leave a collector without CPU for 250 ms: what it measured then is its own fault, and no slot the less.
    private static long Probed(Ledger ledger) => ledger.Executed + ledger.ObserverFaults;

    private static Task<int> CountAsync(Deployment dac, string collector, DateTimeOffset since = default) =>
        dac.QueryAsync(db => db.Results.CountAsync(r => r.ScheduledAt >= since && db.Collectors.Any(c => c.Id == r.CollectorId && c.Name == collector), Cancel));
}
