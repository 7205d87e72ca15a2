using System.Globalization;
using Dac.Targets;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace Dac.Tests.Targets;

/// <summary>What holds for every input: nothing throws, an error names its field and its remedy, what is written reads back the same.</summary>
public sealed class PropertyTests
{
    // Text as strangers write it: FsCheck's own, and pieces that come near to being right.
    private static readonly Gen<string> Text = Gen.Frequency(
        (3, ArbMap.Default.GeneratorFor<string?>().Select(s => s ?? "")),
        (3, Gen.Elements(
            "", " ", "://", "http", "https://", "dns:///", "x.org", "[::1]", ":80", "/a?b#c", "@", "%zz", "\0", "\uD800", "ü", "0x7f.1", "*/5", "*", "? ", "MON-FRI", "L", "W", "#", "LW-3", ",",
            "0", "99999999999999999999", "-1", "1.5", "1e9", "ms", "s", "d", "\"", "\r\n", "\n", ";", "url,interval\n", "url_id", "{", "}", "null", "(?<", "(a+)+\\1").ListOf().Select(string.Concat)));

    private static readonly Gen<string> Host = Gen.Elements("example.org", "EXAMPLE.org", "bücher.example", "10.1.2.3", "[2001:db8::1]", "localhost", "a-b.c_d.example");

    private static readonly Gen<string> Url =
        from scheme in Gen.Elements(UrlScheme.All.ToArray())
        from host in Host
        from port in Gen.Choose(1, 65_535)
        from path in Gen.Elements("", "/", "/a/b?c=d,\"e\"", "/%20;x", "/ü")
        select scheme switch
        {
            "icmp" => $"{scheme}://{host}",
            "dns" => $"{scheme}://{host}:{port}/example.org?type=TXT",
            "tcp" or "tls" or "grpc" or "grpcs" => $"{scheme}://{host}:{port}",
            _ => $"{scheme}://{host}:{port}{path}",
        };

    private static readonly Gen<string> Words = Gen.Elements("a", "x-1", "EU", "7").SelectMany(w => Gen.Choose(0, 9).Select(n => $"{w}{n}"));

    private static readonly Gen<TargetDefinition> Definitions =
        from url in Url
        from key in Gen.OneOf(Gen.Constant((string?)null), Gen.Elements<string?>("k", "a,b", "with \"quotes\"", "ключ", "'x; y'"))
        from seconds in Gen.Choose(1, 86_400)
        from cron in Gen.Elements((string?)null, "*/5 * * * *", "0 30 8 ? * MON-FRI")
        from regex in Gen.Elements((string?)null, "ok", "a,b;\"c\"", "^(?!x).*$")
        from locations in Words.ListOf(3)
        from tags in Words.ListOf(2)
        from paused in ArbMap.Default.GeneratorFor<bool>()
        select new TargetDefinition
        {
            Key = key,
            Url = url,
            Interval = cron is null ? seconds.ToString(CultureInfo.InvariantCulture) : null,
            Cron = cron,
            Regex = regex,
            Locations = locations.Count == 0 ? null : [.. locations],
            Tags = tags.Count == 0 ? null : [.. tags],
            Paused = paused,
        };

    [Property(MaxTest = 1_000)]
    public Property Any_text_as_a_url_is_taken_or_refused_by_name() => ForAll(Text, text => Named("url", new() { Url = text, Interval = "30s" }));

    [Property(MaxTest = 300)]
    public Property Every_well_formed_url_is_taken() => ForAll(Url, url => Assert.Empty(TargetValidator.Validate(new() { Url = url, Interval = "30s" }).Errors));

    [Property(MaxTest = 1_000)]
    public Property Any_text_as_a_cron_expression_is_taken_or_refused_by_name() => ForAll(Text, text => Named("cron", new() { Url = "http://x/", Cron = text, Interval = string.IsNullOrWhiteSpace(text) ? "30s" : null }));

    [Property(MaxTest = 300)]
    public Property Every_crontab_line_of_plain_numbers_is_taken() =>
        ForAll(
            from minute in Gen.Choose(0, 59) from hour in Gen.Choose(0, 23) from day in Gen.Choose(1, 28) from month in Gen.Choose(1, 12) select $"{minute} {hour} {day} {month} *",
            cron => Assert.NotNull(TargetValidator.Validate(new() { Url = "http://x/", Cron = cron }).Target!.Cron!.GetNextValidTimeAfter(DateTimeOffset.UnixEpoch)));

    [Trait("slow", "yes")]
    [Property(MaxTest = 500)]
    public Property Any_text_in_any_field_is_taken_or_refused_by_name() =>
        ForAll(Text, text =>
        {
            Named("interval", new() { Url = "http://x/", Interval = text });
            Named("timeout", new() { Url = "http://x/", Interval = "60s", Timeout = text });
            Named("tolerance", new() { Url = "http://x/", Interval = "60s", Tolerance = text });
            Named("regex", new() { Url = "http://x/", Interval = "60s", Regex = text });
            Named("locations", new() { Url = "http://x/", Interval = "60s", Locations = [text] });
            Named("tags", new() { Url = "http://x/", Interval = "60s", Tags = [text] });
            Named("timeZone", new() { Url = "http://x/", Cron = "* * * * *", TimeZone = text });
        });

    [Property(MaxTest = 1_000)]
    public Property Any_text_as_a_duration_is_read_or_refused() =>
        ForAll(Text, text =>
        {
            if (Duration.TryParse(text, out var duration))
                Assert.InRange(duration, TimeSpan.Zero, TimeSpan.FromDays(1_000));
        });

    [Property(MaxTest = 1_000)]
    public Property A_duration_reads_back_the_same() =>
        ForAll(Gen.OneOf(Gen.Choose(0, int.MaxValue), Gen.Choose(0, 86_400).Select(s => s * 1_000)), ms =>
        {
            Assert.True(Duration.TryParse(Duration.Format(TimeSpan.FromMilliseconds(ms)), out var duration));
            Assert.Equal(ms, duration.TotalMilliseconds);
        });

    [Property(MaxTest = 1_000)]
    public Property Any_text_as_CSV_is_read_or_refused_with_line_and_field() =>
        ForAll(Text, Gen.Elements("", "url,interval\n", "\"url_id\",\"url\",\"interval\",\"regex\"\n", "key,url,interval,cron,paused\n"), (text, header) =>
        {
            var (targets, errors) = TargetCsv.Read(new StringReader(header + text));
            Assert.All(errors, e => Assert.InRange(e.Line, 1, 1_000));
            Assert.All(errors, e => Complete(e.Error));
            Assert.All(targets, t => Assert.Empty(TargetValidator.Validate(t).Errors));
        });

    [Property(MaxTest = 300)]
    public Property Targets_written_as_CSV_read_back_the_same() =>
        ForAll(Definitions.ListOf(5).Select(l => l.DistinctBy(d => d.Key ?? d.Url).ToList()), written =>
        {
            using var csv = new StringWriter();
            TargetCsv.Write(csv, written);
            var (read, errors) = TargetCsv.Read(new StringReader(csv.ToString()));
            Assert.Empty(errors);
            Assert.Equivalent(written, read, strict: true);
        });

    private static void Named(string field, TargetDefinition definition)
    {
        var (target, errors) = TargetValidator.Validate(definition);
        Assert.Equal(target is null, errors.Count > 0);
        Assert.All(errors, e => Assert.Equal(field, e.Field));
        Assert.All(errors, Complete);
    }

    private static void Complete(FieldError error) =>
        Assert.True(error is { Field.Length: > 0, Problem.Length: > 0, Fix.Length: > 0 } && error.ToString().Length < 5_000, error.ToString());

    private static Property ForAll<T>(Gen<T> gen, Action<T> holds) => Prop.ForAll(gen.ToArbitrary(), holds);

    private static Property ForAll<T, U>(Gen<T> first, Gen<U> second, Action<T, U> holds) => Prop.ForAll(first.ToArbitrary(), second.ToArbitrary(), holds);
}
