using System.Text.RegularExpressions;

namespace Dac.Targets;

/// <summary>
/// Where a collector finds a secret: <c>env:DAC_SECRET_NAME</c>, an environment variable of that prefix, or <c>file:NAME</c>, a file below its folder of
/// secrets. A definition holds the reference alone, and nothing else of the environment or the disk can be named by one.
/// </summary>
public static partial class SecretReference
{
    /// <summary>What the name of an environment variable must begin with.</summary>
    public const string EnvironmentPrefix = "DAC_SECRET_";

    /// <summary>Whether it is a reference of either kind.</summary>
    public static bool IsValid(string reference) => Form().IsMatch(reference) && !reference.Contains("..", StringComparison.Ordinal);

    [GeneratedRegex(@"\A(env:DAC_SECRET_[A-Za-z0-9_]{1,100}|file:[A-Za-z0-9_][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9._-]{0,99}){0,4})\z")]
    private static partial Regex Form();
}
