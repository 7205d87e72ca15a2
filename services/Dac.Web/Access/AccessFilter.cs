using System.Net;
using System.Security.Cryptography;
using System.Text;
using Dac.Web.Api;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace Dac.Web.Access;

/// <summary>
/// Who may do what. With an API key, reads are open and writes must carry it. Without one, all must come over loopback and ask for a local host
/// name: a page of the web that has its own name resolve to 127.0.0.1 (DNS rebinding) shows that name in the Host header.
/// </summary>
internal sealed class AccessFilter(IOptions<WebOptions> options) : IEndpointFilter
{
    /// <summary>The header that carries the key.</summary>
    public const string Header = "X-Api-Key";

    // Hashes have one length: the comparison tells nothing about the key's.
    private readonly byte[]? _key = options.Value.ApiKey is { } key ? Hash(key) : null;

    public ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next) =>
        Refuse(context.HttpContext) is { } problem ? ValueTask.FromResult<object?>(problem) : next(context);

    private ProblemHttpResult? Refuse(HttpContext context)
    {
        var request = context.Request;
        var writes = !HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method);
        if (_key is null)
        {
            if (!IsLocal(request.Host.Host))
                return Problems.Of(400, "Foreign host name", $"The Host header is '{request.Host.Value}'; without Web:ApiKey this service answers to localhost, 127.0.0.1 and [::1] only.");
            // The start was refused on any other address; this holds even where that check was led astray.
            return writes && !(context.Connection.LocalIpAddress is { } ip && IPAddress.IsLoopback(ip))
                ? Problems.Of(403, "Not from this machine", "Without Web:ApiKey targets can be changed over loopback only: set Web__ApiKey.")
                : null;
        }
        if (!writes || CryptographicOperations.FixedTimeEquals(Hash(request.Headers[Header].ToString()), _key))
            return null;
        context.Response.Headers.WWWAuthenticate = "ApiKey";
        return Problems.Of(401, request.Headers.ContainsKey(Header) ? "Wrong API key" : "API key missing", $"Writes need the value of Web:ApiKey in the header {Header}.");
    }

    private static bool IsLocal(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip));

    private static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
