using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Dac.Contracts;

/// <summary>How a command is read: options that were read a moment ago in the same words are not read again, but are the same object.</summary>
internal static class SharedOptions
{
    /// <summary>
    /// Those of <see cref="ContractJson"/> otherwise, and for reading alone: generated code writes faster, but reads what is set once (init) as arguments of a
    /// constructor, each in a box, which takes twice as long.
    /// </summary>
    public static JsonSerializerOptions Settings { get; } = new(ContractJson.Default.Options)
    {
        TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
        Converters =
        {
            new SharedOptions<NetworkOptions>(), new SharedOptions<TlsOptions>(), new SharedOptions<HttpOptions>(), new SharedOptions<TcpOptions>(),
            new SharedOptions<DnsOptions>(), new SharedOptions<IcmpOptions>(), new SharedOptions<WsOptions>(), new SharedOptions<GrpcOptions>(),
        },
    };
}

/// <summary>Reads options of one kind. They are never changed, so that many commands can have them in common.</summary>
internal sealed class SharedOptions<T> : JsonConverter<T>
    where T : class
{
    /// <summary>Different options that are remembered; which of them is decided by what their words hash to.</summary>
    private const int Remembered = 64;

    /// <summary>Bytes of their words. Larger ones are read anew each time.</summary>
    private const int MaxWords = 512;

    private static readonly JsonTypeInfo<T> Plain = (JsonTypeInfo<T>)ContractJson.Default.GetTypeInfo(typeof(T))!;

    private readonly Entry?[] _entries = new Entry?[Remembered];

    /// <inheritdoc/>
    public override T? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        Span<byte> room = stackalloc byte[MaxWords];
        var ahead = reader;
        var length = Words(ref ahead, room);
        if (length == 0)
            return JsonSerializer.Deserialize(ref reader, Plain);
        var words = room[..length];
        var hash = new HashCode();
        hash.AddBytes(words);
        ref var place = ref _entries[(uint)hash.ToHashCode() % Remembered];
        if (Volatile.Read(ref place) is { } entry && words.SequenceEqual(entry.Words))
        {
            reader = ahead;
            return entry.Options;
        }
        if (JsonSerializer.Deserialize(ref reader, Plain) is not { } read)
            return null;
        Volatile.Write(ref place, new Entry(words.ToArray(), read));
        return read;
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => JsonSerializer.Serialize(writer, value, Plain);

    // Each word with its kind and its length before it, so that no two texts have the same; 0 where there is no room for them, or no object.
    private static int Words(ref Utf8JsonReader reader, scoped Span<byte> room)
    {
        const int Before = 1 + sizeof(int);
        var (length, depth) = (0, reader.CurrentDepth);
        if (reader.TokenType != JsonTokenType.StartObject)
            return 0;
        do
        {
            if (reader.HasValueSequence || room.Length - length < Before + reader.ValueSpan.Length)
                return 0;
            room[length] = (byte)reader.TokenType;
            BinaryPrimitives.WriteInt32LittleEndian(room[(length + 1)..], reader.ValueSpan.Length);
            reader.ValueSpan.CopyTo(room[(length + Before)..]);
            length += Before + reader.ValueSpan.Length;
        }
        while ((reader.TokenType != JsonTokenType.EndObject || reader.CurrentDepth > depth) && reader.Read());
        return length;
    }

    private sealed record Entry(byte[] Words, T Options);
}
