using System.Collections.Concurrent;
using Dac.Contracts;
using Dac.Hosting;
using Dac.Standalone;
using Dac.Storage;
using Dac.Targets;
using Dac.Tests.Collector;
using Dac.Tests.Support;
using Dac.Web;
using MassTransit;

namespace Dac.Tests.Cost;

/// <summary>How many messages a check costs, in one process as shipped.</summary>
public sealed class MessageTests
{
    private const int Targets = 640;

    [Trait("slow", "yes")]
    [Fact]
    public async Task A_check_costs_a_64th_of_a_command_message_and_no_more_of_a_result_message_than_it_did()
    {
        using var folder = new TempFolder();
        var builder = DacHost.CreateBuilder("standalone", ["--Serilog:MinimumLevel:Default=Warning"], "http://127.0.0.1:0");
        builder.Configuration["ConnectionStrings:Database"] = folder.Database;
        builder.AddStandalone();
        await using var app = DacHost.Build(builder, a => a.MapWeb());
        await app.StartAsync(TestContext.Current.CancellationToken);
        var sent = new SentMessages();
        using var observing = app.Services.GetRequiredService<IBusControl>().ConnectSendObserver(sent);
        // One host, and so one partition.
        var url = TestServer.Closed();
        await app.Services.GetRequiredService<TargetStore>().SaveAsync(
            [.. Enumerable.Range(0, Targets).Select(i => new TargetDefinition { Key = $"t{i}", Url = $"{url}{i}", Interval = "1s" })], null, TestContext.Current.CancellationToken);
        await Until.TrueAsync(() => sent.Results.Sum(r => r.Results.Count) >= 3 * Targets, "the results of three seconds", seconds: 40);
        await app.StopAsync(TestContext.Current.CancellationToken);

        var commands = sent.Commands.Where(b => b.Attempt == 1).ToList();
        Baseline.Holds("command messages per check", commands.Count / (double)commands.Sum(b => b.Probes.Count));
        // On a slow machine they come in fewer messages.
        var perResult = sent.Results.Count / (double)sent.Results.Sum(r => r.Results.Count);
        Baseline.HoldsAtMost("result messages per check", perResult);
    }

    private sealed class SentMessages : ISendObserver
    {
        public ConcurrentQueue<ProbeBatch> Commands { get; } = new();

        public ConcurrentQueue<ProbeResultBatch> Results { get; } = new();

        public Task PreSend<T>(SendContext<T> context)
            where T : class => Task.CompletedTask;

        public Task PostSend<T>(SendContext<T> context)
            where T : class
        {
            if (context.Message is ProbeBatch commands)
                Commands.Enqueue(commands);
            if (context.Message is ProbeResultBatch results)
                Results.Enqueue(results);
            return Task.CompletedTask;
        }

        public Task SendFault<T>(SendContext<T> context, Exception exception)
            where T : class => Task.CompletedTask;
    }
}
