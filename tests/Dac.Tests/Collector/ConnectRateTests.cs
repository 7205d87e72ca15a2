using Dac.Collector;
using Dac.Collector.Probing;

namespace Dac.Tests.Collector;

public sealed class ConnectRateTests
{
    [Fact]
    public void Connections_to_one_host_have_a_rate()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        var rate = new ConnectRate(Microsoft.Extensions.Options.Options.Create(new CollectorOptions { MaxConnectsPerSecond = 10 }), time);
        for (var i = 0; i < 10; i++)
            Assert.Equal(TimeSpan.Zero, rate.Next($"http://HOST/{i}", TimeSpan.Zero));
        Assert.Null(rate.Next("http://host/?x", TimeSpan.FromMilliseconds(50)));
        Assert.Equal(100, rate.Next("http://host#f", TimeSpan.FromMilliseconds(150))!.Value.TotalMilliseconds, 1.0);
        Assert.Equal(TimeSpan.Zero, rate.Next("http://other/", TimeSpan.Zero));
        time.Advance(TimeSpan.FromMilliseconds(250));
        Assert.Equal(TimeSpan.Zero, rate.Next("http://host/", TimeSpan.Zero));
    }
}
