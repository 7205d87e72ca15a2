using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using Dac.Contracts;
using Dac.Targets;

namespace Dac.Collector.Probing;

/// <summary>Says something on a connection and expects an answer, up to a limit of bytes for each answer.</summary>
internal sealed class Dialogue(Stream stream, RegexCache regexes, int maxBytes, Measurement measurement)
{
    // Each read is matched against all that was received: 1,000 times 64 kB is a second's work for a linear pattern.
    private const int MaxReads = 1_000;

    private readonly byte[] _buffer = new byte[Math.Min(maxBytes, 8 * 1024)];
    private string _received = "";
    private bool _answered;

    /// <summary>What was received since the last match, and is still to be looked at.</summary>
    public string Rest => _received;

    public async Task SendAsync(byte[] octets, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(octets, cancellationToken);
        await stream.FlushAsync(cancellationToken);
        measurement.Lap(Phase.Request);
        _answered = false;
    }

    /// <summary>Waits for what matches; null where it does not come, which is then an outcome.</summary>
    public async Task<Match?> ExpectAsync(string pattern, CancellationToken cancellationToken)
    {
        var regex = regexes.Get(pattern);
        var spent = TimeSpan.Zero;
        try
        {
            for (var reads = 0; ; reads++)
            {
                var started = Stopwatch.GetTimestamp();
                var match = regex.Match(_received);
                if ((spent += Stopwatch.GetElapsedTime(started)) > BodyRegex.MatchTimeout)
                    throw new RegexMatchTimeoutException();
                if (match.Success)
                {
                    measurement.Lap(Phase.Transfer);
                    var text = new StringBuilder();
                    RegexCache.Collect(match, text);
                    measurement.Match = text.ToString();
                    measurement.Assert($"expect {pattern}", true, match.Value);
                    _received = _received[(match.Index + match.Length)..];
                    return match;
                }
                if (_received.Length >= maxBytes || reads >= MaxReads)
                {
                    Fail(Outcome.TooLarge, pattern, $"nothing in {_received.Length} bytes matches '{pattern}'");
                    return null;
                }
                if (!await ReadAsync(cancellationToken))
                {
                    Fail(Outcome.UnexpectedAnswer, pattern, $"the connection was closed before anything matched '{pattern}'");
                    return null;
                }
            }
        }
        catch (RegexMatchTimeoutException)
        {
            measurement.Fail(Outcome.Unprobeable, $"the regex took longer than {BodyRegex.MatchTimeout.TotalSeconds:F0} s on this answer: make it simpler");
            return null;
        }
        catch (OperationCanceledException) when (_received.Length > 0)
        {
            Fail(Outcome.UnexpectedAnswer, pattern, $"nothing matched '{pattern}' within the timeout");
            throw;
        }
    }

    private async Task<bool> ReadAsync(CancellationToken cancellationToken)
    {
        var read = await stream.ReadAsync(_buffer.AsMemory(0, Math.Min(_buffer.Length, maxBytes - _received.Length)), cancellationToken);
        if (read == 0)
            return false;
        measurement.Lap(_answered ? Phase.Transfer : Phase.FirstByte);
        _answered = true;
        measurement.Bytes = (measurement.Bytes ?? 0) + read;
        _received += Encoding.Latin1.GetString(_buffer.AsSpan(0, read));
        // This may be the thread that sees what arrives on all sockets (inline completions), and an expression may take its time.
        await Task.Yield();
        return true;
    }

    private void Fail(Outcome outcome, string pattern, string reason)
    {
        measurement.Assert($"expect {pattern}", false, _received);
        measurement.Fail(outcome, $"{reason}: {Received()}");
    }

    private string Received() => _received.Length == 0 ? "nothing was received" : $"received '{(_received.Length <= 100 ? _received : _received[..100] + "...").Trim()}'";
}
