using System.Text.Json;
using System.Text.Json.Serialization;

namespace Dac.Contracts;

/// <summary>Command: probe one URL at one moment. Travels in a <see cref="ProbeBatch"/>.</summary>
/// <remarks>Unknown fields are ignored and additions are optional, so that versions can be mixed while they are rolled out.</remarks>
public sealed record ProbeUrl : ProbeOptions
{
    /// <summary>The target's id in the database.</summary>
    public required long TargetId { get; init; }

    /// <summary>When to start, in Unix milliseconds (UTC). With target and location it is the slot's key.</summary>
    public required long ScheduledAtMs { get; init; }

    /// <summary>What to probe; its scheme picks the prober.</summary>
    public required string Url { get; init; }

    /// <summary>Limit for the whole probe, redirects and body included; 1 to 60,000 ms.</summary>
    public required int TimeoutMs { get; init; }

    /// <summary>How late the probe may still start, in ms; later than that it is missed(expired).</summary>
    public required int ToleranceMs { get; init; }

    /// <summary>.NET regular expression that the body must match; null: any body will do.</summary>
    public string? Regex { get; init; }

    /// <summary>Degraded when the whole probe takes longer than this, in ms; null: not looked at.</summary>
    public int? LatencyLimitMs { get; init; }

    /// <summary>W3C trace context of the plan, on sampled slots only (https://www.w3.org/TR/trace-context/).</summary>
    public string? TraceParent { get; init; }
}

/// <summary>Envelope: up to 64 commands of one window (one second of one partition) for one location, in order of time.</summary>
public sealed record ProbeBatch
{
    /// <summary>Where to probe from.</summary>
    public required string Location { get; init; }

    /// <summary>The partition, 0 to <see cref="Partitions"/> - 1.</summary>
    public required int Partition { get; init; }

    /// <summary>How many partitions there are: a collector that counts differently is misconfigured, and says so.</summary>
    public required int Partitions { get; init; }

    /// <summary>Start of the window, in Unix milliseconds; it lasts one second.</summary>
    public required long WindowStartMs { get; init; }

    /// <summary>1 for the first publishing of the window, more when another scheduler took it over.</summary>
    public int Attempt { get; init; } = 1;

    /// <summary>When it was sent, in Unix milliseconds by the database's clock: a collector learns from it how far its own clock is off. Null: not known.</summary>
    public long? SentAtMs { get; init; }

    /// <summary>The commands, earliest first. Of a batch that was received each is read anew when it is asked for: see <see cref="PackedList{T}"/>.</summary>
    [JsonConverter(typeof(PackedList<ProbeUrl>.Converter))]
    public required IReadOnlyList<ProbeUrl> Probes { get; init; }

    /// <summary>What has to be known of each command until it is due; the rest of one that was received is not read for it.</summary>
    /// <exception cref="JsonException">A command without a key.</exception>
    public IEnumerable<ProbeKey> Keys() =>
        Probes is PackedList<ProbeUrl> packed ? packed.Read(ContractJson.Default.ProbeKey) : Probes.Select(p => new ProbeKey(p.TargetId, p.ScheduledAtMs, p.ToleranceMs));
}

/// <summary>The part of a <see cref="ProbeUrl"/> by which its slot is known, and how late it may be started.</summary>
/// <param name="TargetId">See <see cref="ProbeUrl.TargetId"/>.</param>
/// <param name="ScheduledAtMs">See <see cref="ProbeUrl.ScheduledAtMs"/>.</param>
/// <param name="ToleranceMs">See <see cref="ProbeUrl.ToleranceMs"/>.</param>
[JsonConverter(typeof(Converter))]
public readonly record struct ProbeKey(long TargetId, long ScheduledAtMs, int ToleranceMs)
{
    /// <summary>Reads of a command these three and passes over the rest: generated code would make an object of each number before it fills a structure.</summary>
    internal sealed class Converter : JsonConverter<ProbeKey>
    {
        /// <inheritdoc/>
        public override ProbeKey Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            if (reader.TokenType != JsonTokenType.StartObject)
                throw new JsonException("It is not an object.");
            var (target, scheduled, tolerance) = ((long?)null, (long?)null, (int?)null);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (Is(ref reader, "targetId"u8))
                    target = reader.GetInt64();
                else if (Is(ref reader, "scheduledAtMs"u8))
                    scheduled = reader.GetInt64();
                else if (Is(ref reader, "toleranceMs"u8))
                    tolerance = reader.GetInt32();
                else
                    reader.Skip();
            }
            return target is { } t && scheduled is { } s && tolerance is { } l ? new ProbeKey(t, s, l) : throw new JsonException("targetId, scheduledAtMs or toleranceMs is missing.");
        }

        /// <inheritdoc/>
        public override void Write(Utf8JsonWriter writer, ProbeKey value, JsonSerializerOptions options) => throw new NotSupportedException();

        private static bool Is(ref Utf8JsonReader reader, ReadOnlySpan<byte> name) => reader.ValueTextEquals(name) && reader.Read();
    }
}
