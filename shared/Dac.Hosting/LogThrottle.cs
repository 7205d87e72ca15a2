using Serilog.Core;
using Serilog.Events;

namespace Dac.Hosting;

/// <summary>
/// Bounds the logs: of each message (its text before the values are filled in) ten a minute pass, and the next one says how many did not
/// (<c>Suppressed</c>). What is asked for by a level below Information passes as it is.
/// </summary>
internal sealed class LogThrottle(TimeProvider time) : ILogEventFilter
{
    /// <summary>Of one message, in one <see cref="Minute"/>.</summary>
    public const int Limit = 10;

    /// <summary>Messages that are remembered: the code has some 100; text that is made up at run time starts the count anew.</summary>
    private const int Remembered = 1_000;

    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Count> _counts = [];

    public bool IsEnabled(LogEvent logEvent)
    {
        if (logEvent.Level < LogEventLevel.Information)
            return true;
        lock (_lock)
        {
            if (!_counts.TryGetValue(logEvent.MessageTemplate.Text, out var count))
            {
                if (_counts.Count == Remembered)
                    _counts.Clear();
                _counts.Add(logEvent.MessageTemplate.Text, count = new Count { Since = time.GetTimestamp() });
            }
            if (time.GetElapsedTime(count.Since) >= Minute)
                (count.Since, count.Passed) = (time.GetTimestamp(), 0);
            if (count.Passed == Limit)
            {
                count.Suppressed++;
                return false;
            }
            count.Passed++;
            if (count.Suppressed > 0)
                logEvent.AddOrUpdateProperty(new LogEventProperty("Suppressed", new ScalarValue(count.Suppressed)));
            count.Suppressed = 0;
            return true;
        }
    }

    private sealed class Count
    {
        public long Since { get; set; }

        public int Passed { get; set; }

        public int Suppressed { get; set; }
    }
}
