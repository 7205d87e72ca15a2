using System.Net;
using Dac.Hosting;

namespace Dac.Web.Access;

/// <summary>Where the service is told to listen: without an API key, only loopback will do.</summary>
internal static class ListenAddresses
{
    /// <summary>Refuses the start when a configured address is not loopback.</summary>
    /// <exception cref="StartRefusedException">Names the address and the setting.</exception>
    public static void RefuseUnlessLoopback(IConfiguration configuration)
    {
        if (Configured(configuration).FirstOrDefault(a => !IsLoopback(a)) is { } open)
        {
            throw new StartRefusedException(
                $"The web service would listen on {open}, where anyone on the network could change targets: set an API key of at least 16 characters "
                + "(environment variable Web__ApiKey, for example from 'openssl rand -hex 32'), which writes then carry in the header X-Api-Key, "
                + "or listen on this machine only (--urls http://127.0.0.1:8080).");
        }
    }

    // Kestrel's own order: endpoints of its section, else urls, else the bare ports, which mean all addresses.
    private static IEnumerable<string> Configured(IConfiguration configuration)
    {
        var endpoints = configuration.GetSection("Kestrel:Endpoints").GetChildren().Select(e => e["Url"]).OfType<string>().ToList();
        if (endpoints.Count > 0)
            return endpoints;
        if (configuration["urls"] is { Length: > 0 } urls)
            return Split(urls);
        return Split(configuration["http_ports"]).Concat(Split(configuration["https_ports"])).Select(port => $"http://*:{port}");
    }

    private static string[] Split(string? list) => list?.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];

    // A host name that is neither localhost nor an address makes Kestrel listen on all addresses.
    private static bool IsLoopback(string address)
    {
        var host = BindingAddress.Parse(address).Host;
        return host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip));
    }
}
