using System.Text.RegularExpressions;

namespace Dac.Targets;

/// <summary>How a target's regex is compiled; the same where it is checked and where it is matched.</summary>
public static class BodyRegex
{
    /// <summary>Limit for matching one body where the pattern needs backtracking.</summary>
    public static readonly TimeSpan MatchTimeout = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Compiles a pattern so that it runs in linear time where .NET can do that, and with a time limit where look-arounds,
    /// back-references or the like forbid it. Python's <c>(?P&lt;name&gt;…)</c> is read as .NET's <c>(?&lt;name&gt;…)</c>.
    /// </summary>
    /// <exception cref="ArgumentException">The pattern is not a regular expression.</exception>
    public static Regex Create(string pattern)
    {
        pattern = pattern.Replace("(?P<", "(?<", StringComparison.Ordinal);
        try
        {
            // .NET 10.0: with an anchor in front, that engine loses the groups of a match that ends with the text's last newline. The same anchor written so does not.
            var linear = pattern.StartsWith('^') ? $"(?:$^|^){pattern[1..]}" : pattern.StartsWith("\\A", StringComparison.Ordinal) ? $"(?:$\\A|\\A){pattern[2..]}" : pattern;
            return new Regex(linear, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, MatchTimeout);
        }
        catch (NotSupportedException)
        {
            return new Regex(pattern, RegexOptions.CultureInvariant, MatchTimeout);
        }
    }
}
