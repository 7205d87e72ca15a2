using Dac.Targets;

namespace Dac.Tests.Targets;

public sealed class TargetValidatorTests
{
    private static readonly TargetDefinition Good = new() { Url = "https://example.org/health", Interval = "30s" };

    [Fact]
    public void A_url_and_an_interval_are_enough()
    {
        var (target, errors) = TargetValidator.Validate(Good);
        Assert.Empty(errors);
        Assert.Equal(Good.Url, target!.Key);
        Assert.Equal((30_000, 10_000, 5_000), (target.IntervalMs, target.TimeoutMs, target.ToleranceMs!.Value));
        Assert.Equal(["default"], target.Locations);
    }

    [Fact]
    public void Short_intervals_shorten_the_defaults()
    {
        var target = TargetValidator.Validate(Good with { Interval = "1s" }).Target!;
        Assert.Equal((1_000, 500), (target.TimeoutMs, target.ToleranceMs!.Value));
    }

    [Fact]
    public void The_host_is_what_the_name_server_is_asked_for() =>
        Assert.Equal("xn--bcher-kva.example", TargetValidator.Validate(Good with { Url = "https://BÜCHER.example/" }).Target!.Host);

    [Theory]
    [InlineData("*/5 * * * *")]
    [InlineData("0 30 8 ? * MON-FRI")]
    public void A_cron_expression_has_five_fields_or_begins_with_seconds(string cron) =>
        Assert.Empty(TargetValidator.Validate(Good with { Interval = null, Cron = cron, TimeZone = "Europe/Berlin" }).Errors);

    public static TheoryData<string, TargetDefinition, string> Bad => new()
    {
        { "url", Good with { Url = null }, "missing" },
        { "url", Good with { Url = "example.org" }, "not an absolute URL" },
        { "url", Good with { Url = "http:/example.org" }, "not an absolute URL" },
        { "url", Good with { Url = "gopher://example.org" }, "no prober for the scheme 'gopher'" },
        { "url", Good with { Url = "http://" }, "not an absolute URL" },
        { "url", Good with { Url = "http://example.org/a b" }, "blank" },
        { "url", Good with { Url = "http://example.org:0/" }, "port 0" },
        { "url", Good with { Url = "http://example.org:99999/" }, "not an absolute URL" },
        { "url", Good with { Url = "http://user:secret@example.org/" }, "user name or password" },
        { "url", Good with { Url = "http://example.org/" + new string('a', 2048) }, "characters" },
        { "key", Good with { Key = new string('k', 201) }, "201 characters" },
        { "key", Good with { Key = "a\u0000b" }, "control character" },
        { "interval", Good with { Interval = null }, "missing" },
        { "interval", Good with { Interval = "often" }, "not a duration" },
        { "interval", Good with { Interval = "0.5" }, "shorter than 1 s" },
        { "interval", Good with { Interval = "25d" }, "longer than 24 days" },
        { "cron", Good with { Cron = "* * * * *" }, "both" },
        { "cron", Good with { Interval = null, Cron = "every day" }, "not a cron expression" },
        { "cron", Good with { Interval = null, Cron = "61 * * * *" }, "not a cron expression" },
        { "cron", Good with { Interval = null, Cron = "99 * * * *" }, "not a cron expression" },
        { "cron", Good with { Interval = null, Cron = "0 0 98 * *" }, "not a cron expression" },
        { "timeZone", Good with { Interval = null, Cron = "* * * * *", TimeZone = "Mars/Olympus" }, "not known" },
        { "timeZone", Good with { TimeZone = "Europe/Berlin" }, "without cron" },
        { "regex", Good with { Regex = "(" }, "not a regular expression" },
        { "regex", Good with { Regex = new string('a', 1001) }, "1001 characters" },
        { "timeout", Good with { Timeout = "soon" }, "not a duration" },
        { "timeout", Good with { Timeout = "61s", Interval = "5m" }, "out of range" },
        { "timeout", Good with { Timeout = "31s" }, "longer than the interval" },
        { "tolerance", Good with { Tolerance = "1ms" }, "out of range" },
        { "tolerance", Good with { Tolerance = "31s" }, "longer than the interval" },
        { "locations", Good with { Locations = ["eu west"] }, "not a valid name" },
        { "locations", Good with { Locations = [.. Enumerable.Range(0, 17).Select(i => $"l{i}")] }, "17 entries" },
        { "tags", Good with { Tags = ["a;b"] }, "not a valid name" },
        { "latencyLimit", Good with { LatencyLimit = "10s" }, "not shorter than the timeout" },
        { "latencyLimit", Good with { LatencyLimit = "quick" }, "not a duration" },
        { "network.ipVersion", Good with { Network = new() { IpVersion = "5" } }, "not an IP version" },
        { "network.ipVersion", Good with { Url = "http://127.0.0.1/", Network = new() { IpVersion = "6" } }, "excludes" },
        { "network.resolver", Good with { Network = new() { Resolver = "dns.example" } }, "not an address" },
        { "network.resolver", Good with { Url = "http://127.0.0.1/", Network = new() { Resolver = "127.0.0.1" } }, "needs none" },
        { "tls.ca", Good with { Tls = new() { Ca = "-----BEGIN CERTIFICATE-----" } }, "not a reference" },
        { "tls.ca", Good with { Tls = new() { Ca = "file:ca.pem", SkipVerify = true } }, "nothing would be verified" },
        { "tls.clientCertificate", Good with { Tls = new() { ClientCertificate = "file:../key.pem" } }, "not a reference" },
        { "tls.serverName", Good with { Tls = new() { ServerName = "127.0.0.1" } }, "not a host name" },
        { "tls.minVersion", Good with { Tls = new() { MinVersion = "1.1" } }, "not a version" },
        { "tls.minDays", Good with { Tls = new() { MinDays = 0 } }, "out of range" },
        { "http.method", Good with { Http = new() { Method = "get" } }, "not a method" },
        { "http.method", Good with { Http = new() { Method = "HEAD", BodyMatches = ["a"] } }, "without a body" },
        { "http.body", Good with { Http = new() { Body = "b" } }, "given with GET" },
        { "http.body", Good with { Http = new() { Method = "POST", Body = new string('b', 8_001) } }, "8001 characters" },
        { "http.body", Good with { Http = new() { Method = "POST", Body = "a\u0000b" } }, "control character" },
        { "http.headers", Good with { Http = new() { Headers = new Dictionary<string, string> { ["Authorization"] = "Bearer x" } } }, "in clear" },
        { "http.headers", Good with { Http = new() { Headers = new Dictionary<string, string> { ["A B"] = "x" } } }, "not the name of a header" },
        { "http.headers", Good with { Http = new() { Headers = new Dictionary<string, string> { ["Content-Length"] = "1" } } }, "by the prober itself" },
        { "http.headers", Good with { Http = new() { Headers = new Dictionary<string, string> { ["A"] = "x\r\nB: y" } } }, "control character" },
        { "http.secretHeaders", Good with { Http = new() { SecretHeaders = new Dictionary<string, string> { ["A"] = "hunter2" } } }, "not a reference" },
        { "http.status", Good with { Http = new() { Status = "2xxx" } }, "not a list of statuses" },
        { "http.status", Good with { Http = new() { Status = "299-200" } }, "not a list of statuses" },
        { "http.status", Good with { Http = new() { Status = "" } }, "not a list of statuses" },
        { "http.bodyMatches", Good with { Http = new() { BodyMatches = ["("] } }, "not a regular expression" },
        { "http.bodyMatches", Good with { Http = new() { BodyMatches = [null!] } }, "has an empty entry" },
        { "http.bodyForbids", Good with { Http = new() { BodyForbids = [""] } }, "has an empty entry" },
        { "http.headers", Good with { Http = new() { Headers = new Dictionary<string, string> { ["Accept"] = "a", ["accept"] = "b" } } }, "stands there twice" },
        { "http.bodyForbids", Good with { Http = new() { BodyForbids = [.. Enumerable.Repeat("a", 9)] } }, "9 entries" },
        { "http.headerMatches", Good with { Http = new() { HeaderMatches = ["no colon"] } }, "not a header and a regex" },
        { "http.headerForbids", Good with { Http = new() { HeaderForbids = ["A: ("] } }, "not a regular expression" },
        { "http.json", Good with { Http = new() { Json = "a[" } }, "not a JMESPath expression" },
        { "http.json", Good with { Http = new() { Json = "[@,@]|[@,@]|[@,@]|[@,@]|[@,@]" } }, "could exhaust a collector" },
        { "http.jsonValue", Good with { Http = new() { JsonValue = "1" } }, "without http.json" },
        { "http.maxBytes", Good with { Http = new() { MaxBytes = -1 } }, "out of range" },
        { "http.maxRedirects", Good with { Http = new() { MaxRedirects = 21 } }, "out of range" },
        { "http.maxRedirects", Good with { Http = new() { MaxRedirects = 2, FollowRedirects = false } }, "followRedirects is false" },
        { "http.version", Good with { Http = new() { Version = "1.0" } }, "not a version" },
        { "http.version", Good with { Url = "http://example.org/", Http = new() { Version = "3" } }, "https alone" },
        { "http.proxy", Good with { Http = new() { Proxy = "socks5://p:1080" } }, "not a proxy" },
        { "http.proxy", Good with { Http = new() { Proxy = "http://user:pw@p:3128" } }, "not a proxy" },
        { "http.proxyUser", Good with { Http = new() { ProxyUser = "u", ProxyPassword = "file:p" } }, "without http.proxy" },
        { "http.basicPassword", Good with { Http = new() { BasicUser = "u" } }, "missing beside" },
        { "http.basicPassword", Good with { Http = new() { BasicUser = "u", BasicPassword = "hunter2" } }, "not a reference" },
        { "http.bearer", Good with { Http = new() { Bearer = "env:PATH" } }, "not a reference" },
        { "http.bearer", Good with { Http = new() { Bearer = "file:t", BasicUser = "u", BasicPassword = "file:p" } }, "two of" },
        { "tls.serverName", Good with { Tls = new() { ServerName = "a.example" }, Http = new() { Proxy = "http://p:3128" } }, "behind a proxy" },
    };

    [Fact]
    public void A_secret_that_was_written_in_clear_is_not_repeated() =>
        Assert.DoesNotContain("hunter2", string.Join(' ', TargetValidator.Validate(Good with
        {
            Tls = new() { Ca = "hunter2" },
            Http = new() { Bearer = "hunter2", SecretHeaders = new Dictionary<string, string> { ["A"] = "hunter2" }, Proxy = "http://u:hunter2@p:1" },
        }).Errors), StringComparison.Ordinal);

    [Theory]
    [InlineData("http://bob:hunter2@h:99999/", "http://***@h:99999/")]
    [InlineData("http://bob:hunter2ü@h/", "http://***@h/")]
    [InlineData("http://bob:hunter2 x@h/", "http://***@h/")]
    [InlineData("http://h@h/", "http://***@h/")]
    [InlineData("http://bob:hunter2?ss@h/", "http://***@h/")]
    [InlineData("http://bob:hunter2#ss@h/", "http://***@h/")]
    [InlineData("bob:hunter2@h", "***@h")]
    [InlineData("bob:hunter2@h/?u=http://x", "***@h/?u=http://x")]
    [InlineData("http:/bob:hunter2@h//x", "***@h//x")]
    public void A_password_within_a_URL_is_not_repeated_whatever_else_is_wrong(string url, string shown)
    {
        Assert.Equal(shown, TargetValidator.Validate(Good with { Url = url }).Errors[0].Value);
        Assert.DoesNotContain("hunter2", TargetValidator.Validate(Good with { Http = new() { Proxy = url } }).Errors[0].ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{a: [@,@,@], b: merge(@, @, @), c: c}", "27 times its size")]
    [InlineData("to_string(to_string(to_string(@)))", "64 times its size")]
    [InlineData("pad_left('', `1000000000`)", "pad_left can make")]
    [InlineData("items[*].[join(a, @)]", "join can make")]
    [InlineData("let $x = @ in [*].[$x]", "let can go")]
    [InlineData("items[?length($.items) > `1`]", "$ can go")]
    public void An_expression_that_could_exhaust_a_collector_is_told_by_what(string json, string reason) =>
        Assert.Contains(reason, Assert.Throws<NotSupportedException>(() => JsonAssertion.Check(json)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("[status, checks[0].name]")]
    [InlineData("checks[?contains(name, 'db') && ms < `100`] | [0].{name: name, ms: ms}")]
    [InlineData("sort_by(checks, &ms)[-1].to_string(ms)")]
    public void What_a_check_asks_for_may_be_asked(string json) => JsonAssertion.Check(json);

    [Fact]
    public void What_was_stored_before_it_was_refused_is_probed_as_it_was() =>
        Assert.NotNull(TargetValidator.Validate(
            Good with { Http = new() { Headers = new Dictionary<string, string> { ["Accept"] = "a", ["accept"] = "b" }, BodyMatches = [""] } }, compile: false).Target);

    [Fact]
    public void Options_that_say_nothing_are_left_out() => Assert.Null(TargetValidator.Validate(Good with { Http = new(), Tls = new(), Network = new() }).Target!.Http);

    [Theory]
    [InlineData("2xx", "200 299", "199 300 404")]
    [InlineData(" 2XX , 301", "200 301", "302")]
    [InlineData("200-204,404", "200 204 404", "205 403")]
    public void A_status_list_is_read(string list, string accepted, string others)
    {
        Assert.True(StatusList.TryParse(list, out var statuses));
        Assert.All(accepted.Split(' '), s => Assert.True(statuses.Accepts(int.Parse(s))));
        Assert.All(others.Split(' '), s => Assert.False(statuses.Accepts(int.Parse(s))));
    }

    [Theory]
    [MemberData(nameof(Bad))]
    public void A_bad_field_is_named_with_what_is_wrong_and_what_to_do(string field, TargetDefinition definition, string problem)
    {
        var (target, errors) = TargetValidator.Validate(definition);
        Assert.Null(target);
        var error = Assert.Single(errors);
        Assert.Equal(field, error.Field);
        Assert.Contains(problem, error.Problem, StringComparison.Ordinal);
        Assert.NotEmpty(error.Fix);
    }

    [Fact]
    public void All_that_is_wrong_is_said_at_once() =>
        Assert.Equal(["url", "interval", "regex"], TargetValidator.Validate(new() { Url = "x", Interval = "0", Regex = "(" }).Errors.Select(e => e.Field));

    [Fact]
    public void A_password_in_a_url_is_not_repeated() =>
        Assert.DoesNotContain("secret", TargetValidator.Validate(Good with { Url = "http://user:secret@example.org/" }).Errors[0].ToString(), StringComparison.Ordinal);

    [Fact]
    public void A_pattern_with_look_around_gets_a_time_limit_and_the_others_run_in_linear_time()
    {
        Assert.True(BodyRegex.Create("a+b").Options.HasFlag(System.Text.RegularExpressions.RegexOptions.NonBacktracking));
        var other = BodyRegex.Create("(?<=a)b");
        Assert.False(other.Options.HasFlag(System.Text.RegularExpressions.RegexOptions.NonBacktracking));
        Assert.Equal(BodyRegex.MatchTimeout, other.MatchTimeout);
    }

    [Fact]
    public void Pythons_named_groups_are_understood() => Assert.Equal("1", BodyRegex.Create("v(?P<major>[0-9])").Match("v1").Groups["major"].Value);
}
