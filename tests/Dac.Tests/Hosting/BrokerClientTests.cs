using System.Net.Security;
using Dac.Hosting;

namespace Dac.Tests.Hosting;

public sealed class BrokerClientTests
{
    [Fact]
    public void A_broker_over_TLS_must_show_a_certificate_for_its_host()
    {
        var factory = BrokerClient.Factory("amqps://user:password@broker.example/", "test");
        Assert.True(factory.Ssl.Enabled);
        Assert.Equal(("broker.example", SslPolicyErrors.None), (factory.Ssl.ServerName, factory.Ssl.AcceptablePolicyErrors));
    }

    [Fact]
    public void Without_TLS_there_is_none() => Assert.False(BrokerClient.Factory("amqp://user:password@broker.example/", "test").Ssl.Enabled);
}
