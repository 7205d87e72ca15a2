namespace Dac.Standalone.Commands;

/// <summary>What may be written to a terminal.</summary>
internal static class Terminal
{
    /// <summary>Text of strangers, such as what a probed server says, without what would steer the terminal.</summary>
    public static string Clean(string text) => string.Concat(text.Select(c => c is '\r' or '\n' ? ' ' : char.IsControl(c) ? '\uFFFD' : c));
}
