using System.Collections.Concurrent;
using System.Text.Json;
using Dac.Contracts;
using Dac.Targets;

namespace Dac.Scheduler;

/// <summary>What commands say beyond slot and URL, each of it held once: of a million targets most ask for the same.</summary>
public sealed class CommandTemplates
{
    /// <summary>In place of a tolerance: half the time to a cron target's next slot.</summary>
    internal const int HalfTheGap = 0;

    /// <summary>Some 20 MB at 2 kB each. Where targets differ more than that, sharing starts anew.</summary>
    private const int Limit = 10_000;

    private readonly ConcurrentDictionary<string, ProbeUrl> _known = new(StringComparer.Ordinal);

    /// <summary>The template of a target's commands, the same as that of another target which asks for the same.</summary>
    public ProbeUrl Of(ProbeTarget target)
    {
        var template = Make(target);
        // As text: options with lists in them are equal only by what they say.
        var text = JsonSerializer.Serialize(template, ContractJson.Default.ProbeUrl);
        if (_known.TryGetValue(text, out var known))
            return known;
        if (_known.Count >= Limit)
            _known.Clear();
        return _known.GetOrAdd(text, template);
    }

    /// <summary>The template of one target alone.</summary>
    public static ProbeUrl Make(ProbeTarget target) => target.Onto(new ProbeUrl
    {
        TargetId = 0,
        ScheduledAtMs = 0,
        Url = "",
        TimeoutMs = target.TimeoutMs,
        ToleranceMs = target.ToleranceMs ?? HalfTheGap,
        Regex = target.Regex,
        LatencyLimitMs = target.LatencyLimitMs,
    });
}
