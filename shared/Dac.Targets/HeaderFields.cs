namespace Dac.Targets;

/// <summary>Checks headers that a probe sends: those in clear, and those whose values are secrets.</summary>
internal static class HeaderFields
{
    private static readonly string[] Framing = ["content-length", "transfer-encoding", "connection", "expect", "upgrade", "te", "trailer", "keep-alive", "proxy-connection"];
    private static readonly string[] Secrets = ["authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token", "api-key"];

    /// <param name="field">Name of the field with those in clear, like <c>http.headers</c>.</param>
    /// <param name="headers">Those in clear, name to value, or null.</param>
    /// <param name="secretField">Name of the field with the others.</param>
    /// <param name="secretHeaders">The others, name to reference, or null.</param>
    /// <param name="compile">Whether it is checked in full, as when it is saved.</param>
    /// <param name="errors">Where to add what is wrong.</param>
    /// <param name="own">Beginnings of names, in lower case, that the protocol keeps for itself.</param>
    public static void Check(
        string field, IReadOnlyDictionary<string, string>? headers, string secretField, IReadOnlyDictionary<string, string>? secretHeaders, bool compile, FieldErrors errors,
        params string[] own)
    {
        CheckNames(field, headers, 32, own, compile, errors);
        foreach (var (name, value) in headers ?? new Dictionary<string, string>())
        {
            if (Secrets.Contains(name.ToLowerInvariant()))
                errors.Add(field, name, "carries a secret, which would be stored in clear", $"give it in {secretField} as env:{SecretReference.EnvironmentPrefix}NAME or file:NAME");
            if (value is null || value.Length > 2_000 || value.Any(c => c != '\t' && (char.IsControl(c) || c > 255)))
                errors.Add(field, name, "has a value that is too long, or has a control character or a letter beyond Latin-1", "use at most 2,000 printable characters");
        }
        CheckNames(secretField, secretHeaders, 16, own, compile, errors);
        foreach (var (name, reference) in secretHeaders ?? new Dictionary<string, string>())
        {
            errors.Secret(secretField, reference ?? "");
            if (headers?.Keys.Contains(name, StringComparer.OrdinalIgnoreCase) == true)
                errors.Add(secretField, name, $"stands in {field} too", "keep one of them");
        }
    }

    /// <summary>A name of RFC 9110, 5.1.</summary>
    public static bool IsToken(string name) => name.Length is > 0 and <= 100 && name.All(c => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~".Contains(c, StringComparison.Ordinal));

    private static void CheckNames(string field, IReadOnlyDictionary<string, string>? headers, int limit, string[] own, bool compile, FieldErrors errors)
    {
        if (headers?.Count > limit)
            errors.Add(field, null, $"has {headers.Count} entries", $"{limit} are allowed");
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var name in headers?.Keys.Take(limit) ?? [])
        {
            // What was stored before this was looked at is probed as it was.
            if (!seen.Add(name) && compile)
                errors.Add(field, name, "stands there twice: upper and lower case are the same", "keep one of them");
            else if (!IsToken(name))
                errors.Add(field, name, "is not the name of a header", "use letters, digits and hyphens");
            else if (Framing.Contains(name.ToLowerInvariant()) || own.Any(o => name.StartsWith(o, StringComparison.OrdinalIgnoreCase)))
                errors.Add(field, name, "is set by the prober itself", "take it out");
        }
    }
}
