using System.Globalization;

namespace Dac.Targets;

/// <summary>What is wrong with one field, and what to do about it.</summary>
public sealed record FieldError(string Field, string? Value, string Problem, string Fix)
{
    /// <inheritdoc/>
    public override string ToString() => Value is null ? $"{Field}: {Problem}; {Fix}" : $"{Field} '{Shorten(Value)}': {Problem}; {Fix}";

    private static string Shorten(string value) => value.Length <= 60 ? value : value[..57] + "...";
}

/// <summary>The errors of one definition, and the checks that several fields share.</summary>
internal sealed class FieldErrors : List<FieldError>
{
    public void Add(string field, string? value, string problem, string fix) => Add(new FieldError(field, value, problem, fix));

    /// <summary>Refuses options on a URL whose scheme has no use for them; true where it did.</summary>
    public bool WrongScheme(string options, Uri? url, string[] schemes)
    {
        if (url is null || schemes.Contains(url.Scheme))
            return false;
        Add(options, null, $"is given for the scheme '{url.Scheme}'", $"take it out: it is for {string.Join(", ", schemes)}");
        return true;
    }

    /// <summary>A number from one to another, or none.</summary>
    public void Range(string field, int? value, int min, int max)
    {
        if (value < min || value > max)
            Add(field, value?.ToString(CultureInfo.InvariantCulture), "is out of range", string.Create(CultureInfo.InvariantCulture, $"use {min:N0} to {max:N0}"));
    }

    /// <summary>A reference to a secret, or none. What stands there instead may be the secret: it is not repeated.</summary>
    public void Secret(string field, string? reference)
    {
        if (reference is not null && !SecretReference.IsValid(reference))
            Add(field, null, "is not a reference to a secret (a secret itself would be stored in clear)", $"give env:{SecretReference.EnvironmentPrefix}NAME, or file:NAME in the collectors' folder of secrets");
    }

    /// <summary>Up to 8 regular expressions.</summary>
    public void Regexes(string field, IReadOnlyList<string>? patterns, bool compile)
    {
        if (patterns?.Count > 8)
            Add(field, null, $"has {patterns.Count} entries", "8 are allowed");
        foreach (var pattern in patterns?.Take(8) ?? [])
        {
            if (compile && string.IsNullOrEmpty(pattern))
                Add(field, null, "has an empty entry", "take it out");
            Regex(field, pattern, compile);
        }
    }

    /// <summary>A regular expression of at most 1,000 characters, or none.</summary>
    public void Regex(string field, string? pattern, bool compile)
    {
        Length(field, pattern, 1_000);
        if (!compile || string.IsNullOrEmpty(pattern) || pattern.Length > 1_000)
            return;
        try
        {
            BodyRegex.Create(pattern);
        }
        catch (ArgumentException e)
        {
            Add(field, pattern, "is not a regular expression", e.Message.Replace('\r', ' ').Replace('\n', ' '));
        }
    }

    /// <summary>A text up to a length, without control characters, or none.</summary>
    public void Length(string field, string? value, int limit)
    {
        if (value?.Length > limit)
            Add(field, value, string.Create(CultureInfo.InvariantCulture, $"has {value.Length} characters"), string.Create(CultureInfo.InvariantCulture, $"{limit:N0} are allowed"));
        else if (value?.Any(char.IsControl) == true)
            Add(field, null, "has a control character in it", field is "key" ? "take it out" : "write it as an escape like \\n");
    }
}
