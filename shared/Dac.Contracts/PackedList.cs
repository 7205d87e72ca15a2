using System.Buffers;
using System.Collections;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Dac.Contracts;

/// <summary>
/// Part of a message as its JSON text (see <see cref="ContractJson.Read"/>), from which an element is made each time that it is asked for. Commands wait for
/// seconds and results while the broker is away, tens of thousands of them: as objects each would be followed and moved by every collection of memory meanwhile.
/// </summary>
/// <typeparam name="T">One of <see cref="ContractJson"/>'s types.</typeparam>
/// <exception cref="JsonException">By the indexer and the enumerator: the text is no <typeparamref name="T"/>.</exception>
public sealed class PackedList<T> : IReadOnlyList<T>
    where T : class
{
    /// <summary>Bytes of a plain command or result, at least: there are hardly more of them than the message has room for.</summary>
    private const int SmallElement = 100;

    private static readonly JsonTypeInfo<T> Element = (JsonTypeInfo<T>)ContractJson.Default.GetTypeInfo(typeof(T))!;
    private static readonly JsonTypeInfo<T> Reading = (JsonTypeInfo<T>)SharedOptions.Settings.GetTypeInfo(typeof(T));

    private readonly ReadOnlyMemory<byte> _text;
    private readonly List<(int Start, int Length)> _elements;

    private PackedList(ReadOnlyMemory<byte> text, List<(int Start, int Length)> elements) => (_text, _elements) = (text, elements);

    /// <inheritdoc/>
    public int Count => _elements.Count;

    /// <inheritdoc/>
    public T this[int index] => JsonSerializer.Deserialize(Text(index), Reading) ?? throw new JsonException($"Element {index} of the list is null.");

    /// <inheritdoc/>
    public IEnumerator<T> GetEnumerator() => Enumerable.Range(0, Count).Select(i => this[i]).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Reads of each element what <typeparamref name="TPart"/> has of it.</summary>
    public IEnumerable<TPart> Read<TPart>(JsonTypeInfo<TPart> part)
        where TPart : struct => Enumerable.Range(0, Count).Select(i => JsonSerializer.Deserialize(Text(i), part));

    private ReadOnlySpan<byte> Text(int index) => _text.Span.Slice(_elements[index].Start, _elements[index].Length);

    /// <summary>Packs one element after the other. Not for several threads at once.</summary>
    /// <param name="size">Bytes that the text will have, about.</param>
#pragma warning disable CA1001 // the writer holds memory alone, and is disposed when it is done
    public sealed class Packer(int size)
#pragma warning restore CA1001
    {
        private readonly ArrayBufferWriter<byte> _text = new(size);
        private readonly List<(int Start, int Length)> _elements = [];
        private Utf8JsonWriter? _writer;

        /// <summary>Number of elements so far.</summary>
        public int Count => _elements.Count;

        /// <summary>Adds an element.</summary>
        public void Add(T element)
        {
            if (_writer is null)
            {
                _writer = new Utf8JsonWriter(_text);
                _writer.WriteStartArray();
            }
            // Behind the bracket or the comma.
            var start = Written(_writer) + (Count > 0 ? 1 : 0);
            JsonSerializer.Serialize(_writer, element, Element);
            _elements.Add((start, Written(_writer) - start));
        }

        /// <summary>The list; nothing is to be added any more.</summary>
        /// <param name="bytes">Size of its text.</param>
        public PackedList<T> Pack(out int bytes)
        {
            _writer?.WriteEndArray();
            _writer?.Dispose();
            bytes = _text.WrittenCount;
            return new PackedList<T>(_text.WrittenMemory, _elements);
        }

        private static int Written(Utf8JsonWriter writer) => (int)writer.BytesCommitted + writer.BytesPending;
    }

    /// <summary>Leaves in a message what is packed: reads the list as its text where that is at hand, and writes a packed one as it stands.</summary>
    public sealed class Converter : JsonConverter<IReadOnlyList<T>>
    {
        /// <inheritdoc/>
        public override IReadOnlyList<T> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            if (reader.TokenType != JsonTokenType.StartArray)
                throw new JsonException("It is not an array.");
            var (message, list) = (ContractJson.BeingRead, reader.TokenStartIndex);
            if (!message.Span.Overlaps(reader.ValueSpan, out var start))
                return ReadAll(ref reader);
            var elements = new List<(int Start, int Length)>(1 + message.Length / SmallElement);
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                var element = reader.TokenStartIndex;
                reader.Skip();
                elements.Add(((int)(element - list), (int)(reader.BytesConsumed - element)));
            }
            return new PackedList<T>(message.Slice(start, (int)(reader.BytesConsumed - list)), elements);
        }

        private static List<T> ReadAll(ref Utf8JsonReader reader)
        {
            var list = new List<T>();
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                list.Add(JsonSerializer.Deserialize(ref reader, Reading) ?? throw new JsonException("An element of the list is null."));
            return list;
        }

        /// <inheritdoc/>
        public override void Write(Utf8JsonWriter writer, IReadOnlyList<T> value, JsonSerializerOptions options)
        {
            if (value is PackedList<T> { Count: > 0 } packed)
            {
                writer.WriteRawValue(packed._text.Span, skipInputValidation: true);
                return;
            }
            writer.WriteStartArray();
            foreach (var element in value)
                JsonSerializer.Serialize(writer, element, Element);
            writer.WriteEndArray();
        }
    }
}
