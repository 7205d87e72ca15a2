using Dac.Contracts;

namespace Dac.Targets;

/// <summary>Checks <see cref="HttpOptions"/>.</summary>
internal static class HttpOptionsValidator
{
    private static readonly string[] Schemes = ["http", "https"];
    private static readonly string[] Methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

    /// <param name="compile">Whether patterns and expressions are compiled; false for what was checked when it was saved.</param>
    public static void Check(TargetDefinition target, HttpOptions options, Uri? url, bool compile, FieldErrors errors)
    {
        if (errors.WrongScheme("http", url, Schemes))
            return;
        CheckRequest(options, compile, errors);
        CheckCredentials(options, url, errors);
        CheckAnswer(options, compile, errors);
        CheckConnection(target, options, url, errors);
    }

    private static void CheckRequest(HttpOptions options, bool compile, FieldErrors errors)
    {
        if (options.Method is { } method && !Methods.Contains(method))
            errors.Add("http.method", method, "is not a method that is sent", $"use {string.Join(", ", Methods)}");
        if (options.Body is { } body)
        {
            if (body.Length > 8_000)
                errors.Add("http.body", body, $"has {body.Length} characters", "8,000 are allowed");
            if (body.Any(c => char.IsControl(c) && c is not ('\n' or '\r' or '\t')))
                errors.Add("http.body", null, "has a control character in it", "line breaks and tabs are allowed");
            if (options.Method is null or "GET" or "HEAD" or "OPTIONS")
                errors.Add("http.body", body, $"is given with {options.Method ?? "GET"}, which has no body", "set http.method to POST, PUT, PATCH or DELETE");
        }
        HeaderFields.Check("http.headers", options.Headers, "http.secretHeaders", options.SecretHeaders, compile, errors);
    }

    private static void CheckCredentials(HttpOptions options, Uri? url, FieldErrors errors)
    {
        errors.Secret("http.bearer", options.Bearer);
        errors.Secret("http.basicPassword", options.BasicPassword);
        errors.Secret("http.proxyPassword", options.ProxyPassword);
        CheckPair("http.basic", options.BasicUser, options.BasicPassword, errors);
        CheckPair("http.proxy", options.ProxyUser, options.ProxyPassword, errors);
        if (options.BasicUser?.Contains(':', StringComparison.Ordinal) == true)
            errors.Add("http.basicUser", options.BasicUser, "has a colon in it", "RFC 7617 allows none");
        var ways = new[] { options.Bearer is not null, options.BasicUser is not null, options.SecretHeaders?.Keys.Contains("Authorization", StringComparer.OrdinalIgnoreCase) == true };
        if (ways.Count(w => w) > 1)
            errors.Add("http.bearer", null, "two of basic, bearer and a secret header Authorization are given", "keep one of them");
        if (options.Proxy is not { } proxy)
        {
            if (options.ProxyUser is not null)
                errors.Add("http.proxyUser", options.ProxyUser, "is given without http.proxy", "give the proxy, or take it out");
        }
        else if (!Uri.TryCreate(proxy, UriKind.Absolute, out var uri) || uri.Scheme != "http" || uri.Host.Length == 0 || uri.PathAndQuery != "/" || uri.UserInfo.Length > 0 || uri.Port == 0)
        {
            errors.Add("http.proxy", UserInfo.Masked(proxy), "is not a proxy's address", "write it like http://proxy.example.org:3128, user name and password in http.proxyUser and http.proxyPassword");
        }
    }

    private static void CheckPair(string field, string? user, string? password, FieldErrors errors)
    {
        if (user is null != password is null)
            errors.Add(field + (user is null ? "User" : "Password"), null, $"is missing beside {field}{(user is null ? "Password" : "User")}", "give both");
        if (user is not null && (user.Length is 0 or > 200 || user.Any(char.IsControl)))
            errors.Add(field + "User", user, "is empty, too long, or has a control character in it", "use 1 to 200 printable characters");
    }

    private static void CheckAnswer(HttpOptions options, bool compile, FieldErrors errors)
    {
        if (options.Status is { } status && (status.Length > 200 || !StatusList.TryParse(status, out _)))
            errors.Add("http.status", status, "is not a list of statuses from 100 to 599", "give one like 2xx,301 or 200-299,404");
        errors.Regexes("http.bodyMatches", options.BodyMatches, compile);
        errors.Regexes("http.bodyForbids", options.BodyForbids, compile);
        CheckHeaderRegexes("http.headerMatches", options.HeaderMatches, compile, errors);
        CheckHeaderRegexes("http.headerForbids", options.HeaderForbids, compile, errors);
        if (options.Method == "HEAD" && (options.BodyMatches ?? options.BodyForbids) is not null)
            errors.Add("http.method", "HEAD", "has an answer without a body, and the body is to be matched", "use GET");
        if (options.Json is not null && options.Method == "HEAD")
            errors.Add("http.json", options.Json, "is given with HEAD, whose answer has no body", "use GET");
        if (options.JsonValue is not null && options.Json is null)
            errors.Add("http.jsonValue", options.JsonValue, "is given without http.json", "give the expression, like status or items[0].name");
        errors.Length("http.jsonValue", options.JsonValue, 1_000);
        errors.Length("http.json", options.Json, 1_000);
        if (options.Json is { Length: <= 1_000 } json)
            CheckJson(json, compile, errors);
        errors.Range("http.maxBytes", options.MaxBytes, 0, 100_000_000);
    }

    private static void CheckJson(string json, bool compile, FieldErrors errors)
    {
        try
        {
            if (compile)
                JsonAssertion.Check(json);
        }
        catch (ArgumentException e)
        {
            errors.Add("http.json", json, "is not a JMESPath expression", $"write one like status or items[0].name ({e.Message.ReplaceLineEndings(" ")})");
        }
        catch (NotSupportedException e)
        {
            errors.Add("http.json", json, "could exhaust a collector", e.Message);
        }
    }

    private static void CheckHeaderRegexes(string field, IReadOnlyList<string>? assertions, bool compile, FieldErrors errors)
    {
        var patterns = new List<string>();
        foreach (var assertion in assertions?.Take(8) ?? [])
        {
            if (assertion is not null && HeaderRegex.TryParse(assertion, out _, out var pattern))
                patterns.Add(pattern);
            else
                errors.Add(field, assertion ?? "null", "is not a header and a regex", "write it like Content-Type: ^text/html");
        }
        if (assertions?.Count > 8)
            errors.Add(field, null, $"has {assertions.Count} entries", "8 are allowed");
        errors.Regexes(field, patterns, compile);
    }

    private static void CheckConnection(TargetDefinition target, HttpOptions options, Uri? url, FieldErrors errors)
    {
        errors.Range("http.maxRedirects", options.MaxRedirects, 1, 20);
        if (options.FollowRedirects == false && options.MaxRedirects is { } most)
            errors.Add("http.maxRedirects", most.ToString(System.Globalization.CultureInfo.InvariantCulture), "is given, and http.followRedirects is false", "take one of them out");
        if (options.Version is { } version && version is not ("1.1" or "2" or "3"))
            errors.Add("http.version", version, "is not a version of HTTP that is spoken", "use 1.1, 2 or 3");
        else if (options.Version == "3" && url?.Scheme == "http")
            errors.Add("http.version", "3", "is spoken over https alone", "use https, or another version");
        else if (options.Version == "3" && options.Proxy is not null)
            errors.Add("http.version", "3", "can't go through a proxy", "use 1.1 or 2, or no proxy");
        if (options.Proxy is null)
            return;
        if (target.Tls?.ServerName is { } name)
            errors.Add("tls.serverName", name, "can't be set behind a proxy", "take it out, or the proxy");
        if (target.Network?.Resolver is { } resolver)
            errors.Add("network.resolver", resolver, "would be asked for the proxy's name and never for the target's", "take it out, or the proxy");
    }
}
