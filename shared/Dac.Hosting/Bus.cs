using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Quartz;

namespace Dac.Hosting;

/// <summary>What the modules of a process want of its bus. Collected first, since a process has one bus, however many modules it runs.</summary>
public sealed class BusParts(string service)
{
    /// <summary>Name of the service, as the broker shows its connections.</summary>
    public string Service { get; } = service;

    internal List<Action<IBusRegistrationConfigurator>> Consumers { get; } = [];

    internal List<Action<IBusRegistrationContext, IBusFactoryConfigurator>> Endpoints { get; } = [];

    internal List<Func<IServiceProvider, bool>> Idle { get; } = [];

    internal bool Publishes { get; set; }

    internal List<Action<IQuartzBuilder>> Jobs { get; } = [];
}

/// <summary>Bus and jobs of a service.</summary>
public static class Bus
{
    /// <summary>The location whose command queues are declared by every publisher; the others' by their own collectors.</summary>
    public const string DefaultLocation = "default";

    /// <summary>Name of Quartz's scheduler, and key of its clock: without a name its clock would become that of the whole process.</summary>
    public const string JobScheduler = "jobs";

    // By the host's clock a step back of a minute would be a minute without any job.
    private static readonly SteadyTime Steady = new(TimeProvider.System);

    // Prefetched and unconfirmed messages are all that a bus holds; a stop waits for them.
    private static readonly TimeSpan BusStopTimeout = DacHost.StopTimeout - TimeSpan.FromSeconds(5);

    /// <summary>Adds a consumer and the queues that it reads.</summary>
    public static void AddConsumer<TConsumer>(this IHostApplicationBuilder builder, Action<IBusRegistrationContext, IBusFactoryConfigurator> endpoints)
        where TConsumer : class, IConsumer
    {
        var parts = builder.Parts();
        parts.Consumers.Add(x => x.AddConsumer<TConsumer>());
        parts.Endpoints.Add(endpoints);
    }

    /// <summary>
    /// Adds <see cref="PublishBus"/>. Over RabbitMQ it has a connection of its own: a broker that is short of memory or disk blocks publishers, and must not
    /// block consumers with them.
    /// </summary>
    public static void AddPublishing(this IHostApplicationBuilder builder)
    {
        var parts = builder.Parts();
        if (parts.Publishes)
            return;
        parts.Publishes = true;
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<PublishBus>();
        if (builder.Broker() is not null)
        {
            builder.Services.AddHostedService(p => p.GetRequiredService<PublishBus>());
            builder.Services.AddHealthChecks().AddCheck<PublishBus>("broker (publishing)");
        }
    }

    /// <summary>A quorum queue with its fanout exchange, as publishers declare it too.</summary>
    public static void ReceiveFrom(this IBusFactoryConfigurator bus, string queue, Action<IReceiveEndpointConfigurator> configure) =>
        bus.ReceiveEndpoint(queue, endpoint =>
        {
            endpoint.ConfigureConsumeTopology = false;
            if (endpoint is IRabbitMqReceiveEndpointConfigurator rabbit)
                rabbit.SetQuorumQueue();
            configure(endpoint);
        });

    /// <summary>Adds a job that Quartz fires at an interval; a run that takes longer than that delays the next one.</summary>
    public static void AddJob<TJob>(this IHostApplicationBuilder builder, TimeSpan interval)
        where TJob : class, IJob =>
        builder.Parts().Jobs.Add(q => q.ScheduleJob<TJob>(t => t
            .WithIdentity(typeof(TJob).Name)
            .StartNow()
            .WithSimpleSchedule(s => s.WithInterval(interval).RepeatForever())));

    /// <summary>Tells when a module has finished all that it was given, so that a process without a broker can stop without loss.</summary>
    public static void AddIdle(this IHostApplicationBuilder builder, Func<IServiceProvider, bool> idle) => builder.Parts().Idle.Add(idle);

    internal static void AddBus(this IHostApplicationBuilder builder)
    {
        var parts = builder.Parts();
        if (parts.Endpoints.Count > 0)
            AddConsumerBus(builder, parts);
        if (builder.Broker() is not null && (parts.Publishes || parts.Endpoints.Count > 0))
            builder.Services.AddHealthChecks().AddCheck<BrokerPolicies>("broker (policies)");
        if (parts.Idle.Count > 0 && builder.Broker() is null)
            builder.Services.AddHostedService<InMemoryDrain>();
        // Registered last of all: hosted services stop in reverse order, and jobs must end before the bus.
        if (parts.Jobs.Count > 0)
            AddJobs(builder.Services, parts);
    }

    private static void AddJobs(IServiceCollection services, BusParts parts)
    {
        services.AddQuartz(JobScheduler, q =>
        {
            q.UseTimeProvider(Steady);
            parts.Jobs.ForEach(add => add(q));
        });
        services.AddQuartzHostedService(JobScheduler, o => o.WaitForJobsToComplete = true);
    }

    internal static Uri? Broker(this IHostApplicationBuilder builder)
    {
        if (builder.Configuration["ConnectionStrings:Broker"] is not { Length: > 0 } text)
            return null;
        return Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri is { Scheme: "amqp" or "amqps", Host.Length: > 0 }
            ? uri
            : throw new StartRefusedException("ConnectionStrings:Broker can't be read: give an AMQP URI like amqp://user:password@host:5672/vhost.");
    }

    internal static void Configure(IRabbitMqBusFactoryConfigurator bus, Uri broker, string connection)
    {
        bus.Host(broker, connection, host =>
        {
            host.Heartbeat(TimeSpan.FromSeconds(10));
            // By itself MassTransit goes by the port, and would send the password in clear to any other.
            if (broker.Scheme == "amqps")
                host.UseSsl(ssl => ssl.ServerName = broker.Host);
        });
        UseContractJson(bus);
        // A message that reaches no queue comes back as an exception instead of vanishing.
        bus.ConfigureSend(s => s.UseExecute(context =>
        {
            if (context.TryGetPayload<RabbitMqSendContext>(out var rabbit))
                rabbit.Mandatory = true;
        }));
    }

    private static void AddConsumerBus(IHostApplicationBuilder builder, BusParts parts)
    {
        var broker = builder.Broker();
        builder.Services.Configure<MassTransitHostOptions>(o =>
        {
            o.WaitUntilStarted = false;
            o.StopTimeout = BusStopTimeout;
        });
        builder.Services.AddMassTransit(x =>
        {
            // Else each service tells the vendor, five minutes after its start, how it is built.
            x.DisableUsageTelemetry();
            parts.Consumers.ForEach(add => add(x));
            if (broker is null)
            {
                x.UsingInMemory((context, bus) =>
                {
                    UseContractJson(bus);
                    parts.Endpoints.ForEach(add => add(context, bus));
                });
            }
            else
            {
                x.UsingRabbitMq((context, bus) =>
                {
                    Configure(bus, broker, $"{parts.Service} consuming");
                    parts.Endpoints.ForEach(add => add(context, bus));
                });
            }
        });
    }

    private static void UseContractJson(IBusFactoryConfigurator bus)
    {
        var contracts = new ContractSerializer();
        bus.ClearSerialization();
        bus.AddSerializer(contracts);
        bus.AddDeserializer(contracts, isDefault: true);
    }

    private static BusParts Parts(this IHostApplicationBuilder builder) =>
        (BusParts)builder.Services.Single(s => s.ServiceType == typeof(BusParts)).ImplementationInstance!;
}
