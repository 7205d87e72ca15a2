using Dac.Contracts;

namespace Dac.Targets;

/// <summary>Checks <see cref="WsOptions"/>.</summary>
internal static class WsOptionsValidator
{
    private static readonly string[] Schemes = ["ws", "wss"];

    public static void Check(WsOptions options, Uri? url, bool compile, FieldErrors errors)
    {
        if (errors.WrongScheme("ws", url, Schemes))
            return;
        HeaderFields.Check("ws.headers", options.Headers, "ws.secretHeaders", options.SecretHeaders, compile, errors, "sec-websocket-");
        if (options.Subprotocol is { } subprotocol && !HeaderFields.IsToken(subprotocol))
            errors.Add("ws.subprotocol", subprotocol, "is not the name of a subprotocol", "use one like graphql-transport-ws");
        if (options.Send is { Length: 0 or > 4_000 } send)
            errors.Add("ws.send", null, $"has {send.Length} characters", "use 1 to 4,000");
        errors.Regex("ws.expect", options.Expect, compile);
        errors.Range("ws.maxBytes", options.MaxBytes, 1, 1_000_000);
    }
}
