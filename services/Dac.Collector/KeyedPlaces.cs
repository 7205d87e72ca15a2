namespace Dac.Collector;

/// <summary>So many places for each key, kept only while somebody is on it or waits for it: keys come and go.</summary>
internal sealed class KeyedPlaces(int places)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>The key's places, to be left again, whether one was taken or not.</summary>
    public Entry Enter(string key)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(key, out var entry))
                _entries.Add(key, entry = new Entry(key, places));
            entry.Users++;
            return entry;
        }
    }

    /// <summary>Leaves them; a place that was taken must have been given back.</summary>
    public void Leave(Entry entry)
    {
        lock (_lock)
        {
            if (--entry.Users == 0)
                _entries.Remove(entry.Key);
        }
    }

    /// <summary>Who is on a key, or waits for it.</summary>
    internal sealed class Entry(string key, int places)
    {
        public string Key { get; } = key;

        // Never waited on by its handle, so there is nothing to dispose.
        public SemaphoreSlim Places { get; } = new(places);

        public int Users { get; set; }
    }
}
