using System.Net.Security;
using RabbitMQ.Client;

namespace Dac.Hosting;

/// <summary>Connections to the broker beside the bus.</summary>
public static class BrokerClient
{
    /// <summary>A factory for a broker's URI. Over <c>amqps</c> the broker's certificate must be valid and for its host: by itself the client takes one for any.</summary>
    /// <param name="broker">amqp or amqps URI.</param>
    /// <param name="name">What the broker shows of the connection.</param>
    /// <exception cref="UriFormatException">It is none.</exception>
    public static ConnectionFactory Factory(string broker, string name)
    {
        var factory = new ConnectionFactory { Uri = new Uri(broker), ClientProvidedName = name, AutomaticRecoveryEnabled = false };
        factory.Ssl.AcceptablePolicyErrors = SslPolicyErrors.None;
        return factory;
    }
}
