namespace Dac.Standalone.Commands;

/// <summary>Text of strangers: what a probed server says, or a message that nobody understands.</summary>
internal static class Foreign
{
    /// <summary>The text without what would steer a terminal.</summary>
    public static string Clean(string text) => string.Concat(text.Select(c => c is '\r' or '\n' ? ' ' : char.IsControl(c) ? '\uFFFD' : c));
}
