using Dac.Scheduler;
using Dac.SystemTests.Fixtures;

namespace Dac.SystemTests.Scheduler;

public sealed class PlanLeaseTests(RabbitMq rabbit)
{
    [Fact]
    public async Task One_scheduler_at_a_time_has_the_lease_and_the_next_gets_it_when_it_is_given_up()
    {
        await using var vhost = await rabbit.CreateVhostAsync();
        await using var a = Lease(vhost.Uri);
        await using var b = Lease(vhost.Uri);
        Assert.True(await a.HoldAsync(Cancel));
        Assert.True(await a.HoldAsync(Cancel));
        Assert.False(await b.HoldAsync(Cancel));
        Assert.False(await b.HoldAsync(Cancel));

        await a.ReleaseAsync();

        Assert.True(await b.HoldAsync(Cancel));
        Assert.False(await a.HoldAsync(Cancel));
    }

    [Fact]
    public async Task A_lease_goes_with_its_holder()
    {
        await using var vhost = await rabbit.CreateVhostAsync();
        var a = Lease(vhost.Uri);
        await using var b = Lease(vhost.Uri);
        Assert.True(await a.HoldAsync(Cancel));

        await a.DisposeAsync();

        Assert.True(await b.HoldAsync(Cancel));
    }

    [Fact]
    public async Task Without_an_answer_of_the_broker_nobody_has_it()
    {
        await using var lease = Lease(new Uri("amqp://dac:dac@127.0.0.1:9/"));
        Assert.False(await lease.HoldAsync(Cancel));
    }

    private static PlanLease Lease(Uri broker) =>
        new(new ConfigurationBuilder().AddInMemoryCollection([new("ConnectionStrings:Broker", broker.ToString())]).Build());

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;
}
