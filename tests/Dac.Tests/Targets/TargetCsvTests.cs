using Dac.Targets;
using FsCheck.Xunit;

namespace Dac.Tests.Targets;

public sealed class TargetCsvTests
{
    [Fact]
    public void The_Python_programs_file_imports_as_it_is()
    {
        var (targets, errors) = Read(""""
            "url_id","url","interval","regex"
            "1","http://www.example.com","5",""
            "2","https://www.example.org/a,b","60","<title>(.*?)</title>"
            "3","http://example.net/","10","say ""hello"""
            """");
        Assert.Empty(errors);
        Assert.Equal(["1", "2", "3"], targets.Select(t => t.Key));
        Assert.Equal(["5", "60", "10"], targets.Select(t => t.Interval));
        Assert.Equal([null, "<title>(.*?)</title>", "say \"hello\""], targets.Select(t => t.Regex));
    }

    [Fact]
    public void Ten_kinds_of_bad_line_give_ten_precise_messages()
    {
        var (targets, errors) = Read("""
            key,url,interval,regex,timeout,paused
            ok,http://127.0.0.1/,1s,,,
            a,127.0.0.1,1s,,,
            b,ftp://127.0.0.1/,1s,,,
            c,,1s,,,
            d,http://127.0.0.1/,0.2s,,,
            e,http://127.0.0.1/,soon,,,
            f,http://127.0.0.1/,1s,a(b,,
            g,http://127.0.0.1/,1s,,2s,
            h,http://127.0.0.1/,1s,,,maybe
            ok,http://127.0.0.1/,1s,,,
            j,http://127.0.0.1/,1s,a,b,c,d
            """);
        Assert.Equal(["ok"], targets.Select(t => t.Key));
        Assert.Equal(
            [
                "line 3: url '127.0.0.1': is not an absolute URL; give one like https://example.org/health",
                "line 4: url 'ftp://127.0.0.1/': no prober for the scheme 'ftp'; use http, https, tcp, tls, dns, icmp, ws, wss, grpc or grpcs",
                "line 5: url: is missing; give one like https://example.org/health",
                "line 6: interval '0.2s': is shorter than 1 s; use 1s or more",
                "line 7: interval 'soon': is not a duration in whole milliseconds; write 30 or 30s, 5m, 2h or 1d",
                "line 8: regex 'a(b': is not a regular expression; Invalid pattern 'a(b' at offset 3. Not enough )'s.",
                "line 9: timeout '2s': is longer than the interval, 1s; shorten it, or lengthen the interval",
                "line 10: paused 'maybe': is neither yes nor no; write true or false",
                "line 11: key 'ok': stands in line 2 already; give each line a key of its own",
                "line 12: line: has 7 fields where the header has 6; quote a field that has a comma in it",
            ],
            errors.Select(e => e.ToString()));
    }

    [Theory]
    [InlineData("", "line 1: file: is empty")]
    [InlineData("name,url\nx,y", "line 1: header 'name': is not a column")]
    [InlineData("key,interval\nx,1s", "line 1: header: has no column url")]
    [InlineData("url,url\nx,y", "line 1: header 'url': stands there twice")]
    [InlineData("url,interval\n\"http://h/,1s\nhttp://h/,1s", "line 2: ")]
    public void A_file_that_is_none_says_so(string text, string expected)
    {
        var (targets, errors) = Read(text);
        Assert.Empty(targets);
        Assert.StartsWith(expected, errors[0].ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2_000, "a quote is not closed, and what follows can't be read; close it, or write it twice where it is part of the field")]
    [InlineData(20_000, "a field is longer than 100,000 characters, and what follows can't be read; look for a quote that is not closed")]
    public void A_quote_that_is_never_closed_is_found_where_it_begins_and_ends_the_file(int lines, string expected)
    {
        var (targets, errors) = Read("url,interval\nhttp://a/,1s\n\"http://b/,1s\n" + string.Concat(Enumerable.Repeat("http://c/,1s\n", lines)));
        Assert.Equal($"line 3: file: {expected}", Assert.Single(errors).ToString());
        Assert.True(errors[0].IsEnd);
        Assert.Single(targets);
    }

    [Fact]
    public void A_quote_that_is_open_in_the_last_line_is_found_and_one_within_a_field_is_a_letter()
    {
        Assert.StartsWith("line 2: file: a quote is not closed", Assert.Single(Read("url,interval,regex\nhttp://a/,1s,\"open\n").Errors).ToString(), StringComparison.Ordinal);
        var (targets, errors) = Read("url,interval,http.headers,regex\n\nhttp://a/,1s,\"X-A: 1\nX-B: \"\"2\"\"\",say \"hi\nhttp://b/,1s,,\n");
        Assert.Empty(errors);
        Assert.Equal(["say \"hi", null], targets.Select(t => t.Regex));
        Assert.Equal("\"2\"", targets[0].Http!.Headers!["X-B"]);
    }

    [Fact]
    public void The_key_of_a_line_that_is_refused_is_free_for_another()
    {
        var (targets, errors) = Read("key,url,interval\nk,http://a/,0s\nk,http://a/,1s\nk,http://b/,1s\n");
        Assert.Equal("http://a/", Assert.Single(targets).Url);
        Assert.Equal([2, 4], errors.Select(e => e.Line));
        Assert.Contains("stands in line 3 already", errors[1].ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_longest_headers_that_are_valid_fit_into_a_field()
    {
        var headers = Enumerable.Range(0, 32).ToDictionary(i => $"X-{i}-{new string('n', 90)}", _ => new string('v', 2_000));
        var text = new StringWriter();
        TargetCsv.Write(text, [new() { Url = "http://a/", Interval = "1s", Http = new() { Headers = headers } }]);
        var (targets, errors) = Read(text.ToString());
        Assert.Empty(errors);
        Assert.Equal(headers, Assert.Single(targets).Http!.Headers);
    }

    [Fact]
    public void A_line_break_within_a_field_does_not_shift_the_numbers()
    {
        var (_, errors) = Read("url,interval,regex\r\nhttp://a/,1s,\"x\r\ny\"\r\nhttp://b/,0,\r\n");
        Assert.Equal([2, 4], errors.Select(e => e.Line));
    }

    [Fact]
    public void A_byte_order_mark_and_blank_lines_do_no_harm() =>
        Assert.Equal(2, Read("\uFEFFurl,interval\n\nhttp://a/,1s\n\nhttp://b/,1s\n").Targets.Count);

    [Fact]
    public void What_is_written_reads_back_the_same()
    {
        TargetDefinition[] targets =
        [
            new() { Key = "a", Url = "http://a/", Interval = "1s", Regex = "say \"x,y\"\\n", Timeout = "500ms", Tolerance = "200ms", Locations = ["eu", "us"], Tags = ["x", "y z"], Paused = true },
            new()
            {
                Key = "c", Url = "https://c/", Interval = "1m", LatencyLimit = "300ms",
                Network = new() { IpVersion = "prefer6" },
                Tls = new() { SkipVerify = false, MinDays = 14 },
                Http = new()
                {
                    Method = "POST", Body = "line 1\nline 2", Status = "2xx,301", BodyMatches = ["a|b;c", "say \"x,y\""], FollowRedirects = false, MaxBytes = 0,
                    Headers = new Dictionary<string, string> { ["Accept"] = "text/html; q=0.9, */*", ["X-Empty"] = "" }, Json = "a.b", JsonValue = "1",
                },
            },
            new() { Key = "b", Url = "http://b/", Cron = "0 30 8 ? * MON-FRI", TimeZone = "Europe/Berlin" },
        ];
        var text = new StringWriter();
        TargetCsv.Write(text, targets);
        var (read, errors) = Read(text.ToString());
        Assert.Empty(errors);
        Assert.Equivalent(targets.Select(t => t with { Locations = t.Locations ?? null, Tags = t.Tags ?? null }), read);
    }

    [Fact]
    public void Options_have_columns_of_their_own_and_errors_name_them()
    {
        var (targets, errors) = Read("""
            url,interval,HTTP.Status,http.followRedirects,http.maxRedirects,tls.minDays
            https://a/,1m,"2xx,301",no,,14
            https://b/,1m,2xxx,,,
            https://c/,1m,,maybe,,
            https://d/,1m,,,many,
            http://e/,1m,,,,
            """);
        Assert.Equal(["https://a/", "http://e/"], targets.Select(t => t.Url));
        Assert.Equal(("2xx,301", false, 14), (targets[0].Http!.Status, targets[0].Http!.FollowRedirects!.Value, targets[0].Tls!.MinDays!.Value));
        Assert.Null(targets[1].Http);
        Assert.Equal(
            [
                "line 3: http.status '2xxx': is not a list of statuses from 100 to 599; give one like 2xx,301 or 200-299,404",
                "line 4: http.followRedirects 'maybe': is neither yes nor no; write true or false",
                "line 5: http.maxRedirects 'many': is not a whole number; write one like 10",
            ],
            errors.Select(e => e.ToString()));
    }

    [Fact]
    public void Every_field_of_every_option_has_a_column() =>
        Assert.Superset(new HashSet<string> { "http.method", "http.secretHeaders", "tls.clientCertificate", "network.resolver" }, OptionColumns.All.Select(c => c.Name).ToHashSet());

    [Property]
    public void No_text_makes_it_throw(string? text)
    {
        Read(text ?? "");
        Read("url,interval\n" + text);
    }

    private static (IReadOnlyList<TargetDefinition> Targets, IReadOnlyList<CsvError> Errors) Read(string text) => TargetCsv.Read(new StringReader(text));
}
