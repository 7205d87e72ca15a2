using Dac.Contracts;
using Dac.Targets;

namespace Dac.Collector.Probing;

/// <summary>
/// <c>tcp://host:port</c> and <c>tls://host[:443]</c>: a connection (RFC 9293), for <c>tls</c> with a handshake and the whole chain verified (RFC 8446, RFC 5280); then, where
/// asked for, STARTTLS and a dialogue. Up is all of it as asked.
/// </summary>
public sealed class TcpProber(Connector connector) : IProber
{
    private const int MaxBytes = 65_536;

    private readonly RegexCache _regexes = new();

    /// <inheritdoc/>
    public IReadOnlyList<string> Schemes => ["tcp", "tls"];

    /// <inheritdoc/>
    public bool StartsAtOnce(ProbeUrl probe) => !SecretReader.IsAskedBy(probe);

    /// <inheritdoc/>
    public async Task ProbeAsync(ProbeUrl probe, Measurement measurement, CancellationToken timeout)
    {
        try
        {
            var url = new Uri(probe.Url);
            var host = url.IdnHost;
            var options = probe.Tcp ?? new TcpOptions();
            await using var connection = await connector.ConnectAsync(host, UrlScheme.Port(url), probe, measurement, timeout);
            if (options.StartTls is { } protocol && !await StartTls.AskAsync(protocol, new Dialogue(connection, _regexes, MaxBytes, measurement), measurement, timeout))
                return;
            if (url.Scheme == "tcp" && options.StartTls is null)
            {
                await TalkAsync(connection, probe.Regex, options, measurement, timeout);
                return;
            }
            await using var secured = await connector.SecureAsync(connection, host, probe, measurement, timeout);
            await TalkAsync(secured, probe.Regex, options, measurement, timeout);
        }
        catch (Exception e) when (ProbeFailure.Note(e, probe, measurement, timeout))
        {
            // It stands in the measurement.
        }
    }

    private async Task TalkAsync(Stream stream, string? regex, TcpOptions options, Measurement measurement, CancellationToken timeout)
    {
        var dialogue = new Dialogue(stream, _regexes, options.MaxBytes ?? MaxBytes, measurement);
        foreach (var text in options.Dialogue ?? [])
        {
            if (!DialogueStep.TryParse(text, out var step))
            {
                measurement.Fail(Outcome.Unprobeable, $"'{text}' is neither something to send nor something to expect");
                return;
            }
            if (step.Send is { } octets)
                await dialogue.SendAsync(octets, timeout);
            else if (await dialogue.ExpectAsync(step.Expect!, timeout) is null)
                return;
        }
        if (regex is not null)
            await dialogue.ExpectAsync(regex, timeout);
    }
}
