using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Dac.Contracts;
using Dac.Hosting;
using Dac.Tests.Support;
using MassTransit;

namespace Dac.Tests.Hosting;

/// <summary>What goes over a bus as services set it up.</summary>
public sealed class ContractSerializerTests
{
    private static readonly ProbeBatch Batch = new()
    {
        Location = "default",
        Partition = 3,
        Partitions = 16,
        WindowStartMs = 1_700_000_000_000,
        Probes = [new ProbeUrl { TargetId = 7, ScheduledAtMs = 1_700_000_000_250, Url = "http://127.0.0.1/", TimeoutMs = 1000, ToleranceMs = 500, Http = new() { ReuseConnection = true } }],
    };

    [Fact]
    public async Task A_message_is_the_contracts_text_and_nothing_around_it()
    {
        await using var bus = await TestBus.StartAsync();
        await bus.SendAsync(Batch);
        var (body, received) = (await bus.BodyAsync(), await bus.MessageAsync());
        Assert.Equal(JsonSerializer.Serialize(Batch, ContractJson.Default.ProbeBatch), body);
        Assert.Equivalent(Batch, received, strict: true);
    }

    [Theory]
    [InlineData("{ \"location\": 1 }")]
    [InlineData("no JSON")]
    [InlineData("null")]
    [InlineData("")]
    public async Task What_is_no_contract_is_put_aside_and_the_next_is_read(string body)
    {
        await using var bus = await TestBus.StartAsync();
        await bus.SendAsync(body);
        await bus.SendAsync(Batch);
        Assert.Equivalent(Batch, await bus.MessageAsync(), strict: true);
    }

    [Fact]
    public async Task The_report_of_a_consumers_fault_can_be_written_though_it_is_no_contract()
    {
        await using var bus = await TestBus.StartAsync();
        await bus.SendAsync(Batch with { Location = Consumer.Refused });
        Assert.Contains("refused", await bus.FaultAsync());
    }

    private sealed class Consumer(Seen seen) : IConsumer<ProbeBatch>
    {
        public const string Refused = "refused";

        public Task Consume(ConsumeContext<ProbeBatch> context)
        {
            if (context.Message.Location == Refused)
                throw new InvalidOperationException(Refused);
            seen.Messages.Enqueue(context.Message);
            return Task.CompletedTask;
        }
    }

    private sealed class Seen : IReceiveObserver
    {
        public ConcurrentQueue<string> Bodies { get; } = new();

        public ConcurrentQueue<ProbeBatch> Messages { get; } = new();

        public ConcurrentQueue<string> Faults { get; } = new();

        public Task PreReceive(ReceiveContext context)
        {
            Bodies.Enqueue(Encoding.UTF8.GetString(context.Body.GetBytes()));
            return Task.CompletedTask;
        }

        public Task PostReceive(ReceiveContext context) => Task.CompletedTask;

        public Task PostConsume<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType)
            where T : class => Task.CompletedTask;

        public Task ConsumeFault<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType, Exception exception)
            where T : class => Task.CompletedTask;

        public Task ReceiveFault(ReceiveContext context, Exception exception) => Task.CompletedTask;
    }

    private sealed class Written(ConcurrentQueue<string> faults) : IPublishObserver
    {
        public Task PrePublish<T>(PublishContext<T> context)
            where T : class => Task.CompletedTask;

        public Task PostPublish<T>(PublishContext<T> context)
            where T : class
        {
            if (context.Message is Fault)
                faults.Enqueue(Encoding.UTF8.GetString(context.Serializer.GetMessageBody(context).GetBytes()));
            return Task.CompletedTask;
        }

        public Task PublishFault<T>(PublishContext<T> context, Exception exception)
            where T : class
        {
            faults.Enqueue($"not written: {exception}");
            return Task.CompletedTask;
        }
    }

    private sealed class TestBus : IAsyncDisposable
    {
        private const string Queue = "commands";

        private readonly WebApplication _app;
        private readonly Seen _seen;

        private TestBus(WebApplication app) => (_app, _seen) = (app, app.Services.GetRequiredService<Seen>());

        public static async Task<TestBus> StartAsync()
        {
            var builder = DacHost.CreateBuilder("test", ["--Serilog:MinimumLevel:Default=Fatal", "--Serilog:MinimumLevel:Override:MassTransit=Fatal"], "http://127.0.0.1:0");
            builder.Services.AddSingleton<Seen>();
            builder.AddConsumer<Consumer>((context, bus) => bus.ReceiveFrom(Queue, endpoint => endpoint.ConfigureConsumer<Consumer>(context)));
            var app = DacHost.Build(builder);
            var seen = app.Services.GetRequiredService<Seen>();
            var bus = app.Services.GetRequiredService<IBusControl>();
            bus.ConnectReceiveObserver(seen);
            bus.ConnectPublishObserver(new Written(seen.Faults));
            await app.StartAsync(Cancel);
            return new TestBus(app);
        }

        public async Task SendAsync<T>(T message)
            where T : class
        {
            var endpoint = await _app.Services.GetRequiredService<IBusControl>().GetSendEndpoint(new Uri($"queue:{Queue}"));
            if (message is string text)
                await endpoint.Send(Batch, context => context.Serializer = new Verbatim(context.Serializer, text), Cancel);
            else
                await endpoint.Send(message, Cancel);
        }

        public Task<string> BodyAsync() => FirstAsync(_seen.Bodies);

        public Task<ProbeBatch> MessageAsync() => FirstAsync(_seen.Messages);

        public Task<string> FaultAsync() => FirstAsync(_seen.Faults);

        public ValueTask DisposeAsync() => _app.DisposeAsync();

        private static async Task<T> FirstAsync<T>(ConcurrentQueue<T> queue)
        {
            await Until.TrueAsync(() => !queue.IsEmpty, "it has come");
            return queue.First();
        }

        private static CancellationToken Cancel => TestContext.Current.CancellationToken;
    }

    private sealed class Verbatim(IMessageSerializer inner, string text) : IMessageSerializer
    {
        public System.Net.Mime.ContentType ContentType => inner.ContentType;

        public MessageBody GetMessageBody<T>(SendContext<T> context)
            where T : class => new StringMessageBody(text);
    }
}
