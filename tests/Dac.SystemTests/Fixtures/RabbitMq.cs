using System.Net.Http.Headers;
using System.Text;
using Dac.SystemTests.Fixtures;
using Testcontainers.RabbitMq;

[assembly: AssemblyFixture(typeof(RabbitMq))]

namespace Dac.SystemTests.Fixtures;

/// <summary>One RabbitMQ for the whole assembly; each test has a virtual host of its own in it, with the policies of infra/rabbitmq.</summary>
public sealed class RabbitMq : LoopbackContainer<RabbitMqContainer>
{
    private const string Account = "dac";

    private const int ManagementPort = 15672;

    private readonly int _port = FreePort();

    private readonly int _managementPort = FreePort();

    /// <summary>Makes a virtual host with the policies loaded.</summary>
    public async Task<Vhost> CreateVhostAsync()
    {
        await ContainerAsync();
        var name = $"test-{Guid.CreateVersion7():N}";
        var management = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_managementPort}/api/") };
        management.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Account}:{Account}")));
        var vhost = new Vhost(name, new Uri($"amqp://{Account}:{Account}@127.0.0.1:{_port}/{name}"), management);
        await vhost.CreateAsync(await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "definitions.json"), Cancel), Cancel);
        return vhost;
    }

    /// <summary>Runs <c>rabbitmqctl</c> inside; fails when it does.</summary>
    public async Task ControlAsync(params string[] arguments)
    {
        var result = await (await ContainerAsync()).ExecAsync(["rabbitmqctl", "-q", .. arguments], Cancel);
        Assert.True(result.ExitCode == 0, $"rabbitmqctl {string.Join(' ', arguments)}: {result.Stdout}{result.Stderr}");
    }

    protected override RabbitMqContainer Build() => new RabbitMqBuilder("rabbitmq:4-management")
        .WithUsername(Account)
        .WithPassword(Account)
        // As compose has it: what quorum queues hold in memory is to level off within a test's time.
        .WithResourceMapping("raft.wal_max_size_bytes = 64000000\n"u8.ToArray(), "/etc/rabbitmq/conf.d/90-dac.conf")
        .WithPortBinding(_port, RabbitMqBuilder.RabbitMqPort)
        .WithPortBinding(_managementPort, ManagementPort)
        .WithLabel("dac.tests", "true") // by which test.sh finds what a killed run left behind
        .WithCreateParameterModifier(OnLoopback)
        .Build();

    protected override async Task ReadyAsync(RabbitMqContainer container)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(2) };
        await Poll.UntilAsync("RabbitMQ's management answers", async () =>
        {
            try
            {
                await http.GetAsync(new Uri($"http://127.0.0.1:{_managementPort}/"), Cancel);
                return true;
            }
            catch (Exception e) when (e is HttpRequestException || (e is TaskCanceledException && !Cancel.IsCancellationRequested))
            {
                return false;
            }
        }, TimeSpan.FromMinutes(2));
    }
}

/// <summary>A virtual host: queues that no other test sees. Disposing it deletes them.</summary>
public sealed class Vhost : IAsyncDisposable
{
    private readonly string _name;

    internal Vhost(string name, Uri uri, HttpClient management) => (_name, Uri, Management) = (name, uri, management);

    /// <summary>For <c>ConnectionStrings:Broker</c>.</summary>
    public Uri Uri { get; }

    /// <summary>RabbitMQ's management API, at <c>/api/</c>, with the right to do everything.</summary>
    public HttpClient Management { get; }

    /// <summary>Path of something in this virtual host, such as <c>Path("queues", "probe-result")</c>.</summary>
    public string Path(string kind, string name) => $"{kind}/{_name}/{System.Uri.EscapeDataString(name)}";

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        using (Management)
        {
            try
            {
                await Management.DeleteAsync(new Uri($"vhosts/{_name}", UriKind.Relative));
            }
            catch (HttpRequestException)
            {
                // A fault test may leave the broker down; its queues go with the container.
            }
        }
    }

    internal async Task CreateAsync(string definitions, CancellationToken cancellationToken)
    {
        (await Management.PutAsync(new Uri($"vhosts/{_name}", UriKind.Relative), null, cancellationToken)).EnsureSuccessStatusCode();
        (await Management.PutAsJsonAsync(new Uri($"permissions/{_name}/dac", UriKind.Relative), new { configure = ".*", write = ".*", read = ".*" }, cancellationToken)).EnsureSuccessStatusCode();
        // Imported into one virtual host, the definitions' own vhost is passed over.
        using var policies = new StringContent(definitions, Encoding.UTF8, "application/json");
        (await Management.PostAsync(new Uri($"definitions/{_name}", UriKind.Relative), policies, cancellationToken)).EnsureSuccessStatusCode();
    }
}
