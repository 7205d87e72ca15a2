namespace Dac.Collector;

/// <summary>Places for each key, kept only while somebody is on it or waits for it: keys come and go.</summary>
/// <param name="make">Makes a key's places.</param>
internal sealed class KeyedPlaces<TPlaces>(Func<TPlaces> make)
    where TPlaces : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>The key's places, to be left again, whether one was taken or not.</summary>
    public Entry Enter(string key)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(key, out var entry))
                _entries.Add(key, entry = new Entry(key, make()));
            entry.Users++;
            return entry;
        }
    }

    /// <summary>Leaves them; a place that was taken must have been given back.</summary>
    public void Leave(Entry entry)
    {
        lock (_lock)
        {
            if (--entry.Users > 0)
                return;
            _entries.Remove(entry.Key);
        }
        entry.Places.Dispose();
    }

    /// <summary>Who is on a key, or waits for it.</summary>
    internal sealed class Entry(string key, TPlaces places)
    {
        public string Key => key;

        public TPlaces Places => places;

        public int Users { get; set; }
    }
}
