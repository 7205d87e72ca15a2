using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Dac.Contracts;

namespace Dac.Tests.Contracts;

/// <summary>The messages as they are on the wire today: a change of these texts breaks services of different versions side by side.</summary>
public sealed class ContractJsonTests
{
    private const string BatchJson = """
        {"location":"default","partition":3,"partitions":16,"windowStartMs":1700000000000,"attempt":1,"sentAtMs":1700000000001,"probes":[{"targetId":7,"scheduledAtMs":1700000000250,"url":"http://127.0.0.1/","timeoutMs":1000,"toleranceMs":500,"regex":"a\u002Bb"},{"targetId":8,"scheduledAtMs":1700000000251,"url":"http://127.0.0.2/","timeoutMs":1000,"toleranceMs":500,"traceParent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}]}
        """;

    private const string OptionsJson = """
        {"location":"default","partition":3,"partitions":16,"windowStartMs":1700000000000,"attempt":1,"sentAtMs":1700000000001,"probes":[{"targetId":7,"scheduledAtMs":1700000000250,"url":"https://127.0.0.1/","timeoutMs":1000,"toleranceMs":500,"latencyLimitMs":300,"network":{"ipVersion":"prefer6","resolver":"127.0.0.1:53"},"tls":{"ca":"file:ca.pem","clientCertificate":"env:DAC_SECRET_CLIENT","skipVerify":false,"serverName":"a.example","minVersion":"1.3","minDays":14},"http":{"method":"POST","headers":{"Accept":"text/html"},"secretHeaders":{"X-Api-Key":"env:DAC_SECRET_KEY"},"body":"b","status":"2xx,301","bodyMatches":["m"],"bodyForbids":["f"],"headerMatches":["A: b"],"headerForbids":["C: d"],"json":"a.b","jsonValue":"1","maxBytes":1000,"compression":true,"followRedirects":false,"maxRedirects":3,"version":"2","reuseConnection":true,"proxy":"http://127.0.0.1:3128","proxyUser":"p","proxyPassword":"file:p","basicUser":"u","basicPassword":"file:u","bearer":"file:t"}}]}
        """;

    private const string ResultJson = """
        {"location":"default","collector":"host/1","clockOffsetMs":2,"results":[{"targetId":7,"scheduledAtMs":1700000000250,"outcome":10,"latenessUs":310,"statusCode":200,"resolveUs":1,"connectUs":2,"tlsUs":3,"requestUs":4,"firstByteUs":5,"transferUs":6,"totalUs":21,"bytes":100,"tlsExpiresAtMs":1800000000000,"match":"a b","flags":1},{"targetId":8,"scheduledAtMs":1700000000251,"outcome":60,"error":"late","flags":0}]}
        """;

    private static readonly ProbeBatch Batch = new()
    {
        Location = "default",
        Partition = 3,
        Partitions = 16,
        WindowStartMs = 1700000000000,
        SentAtMs = 1700000000001,
        Probes =
        [
            new ProbeUrl { TargetId = 7, ScheduledAtMs = 1700000000250, Url = "http://127.0.0.1/", TimeoutMs = 1000, ToleranceMs = 500, Regex = "a+b" },
            new ProbeUrl { TargetId = 8, ScheduledAtMs = 1700000000251, Url = "http://127.0.0.2/", TimeoutMs = 1000, ToleranceMs = 500, TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
        ],
    };

    private static readonly ProbeBatch BatchWithOptions = Batch with
    {
        Probes =
        [
            new ProbeUrl
            {
                TargetId = 7, ScheduledAtMs = 1700000000250, Url = "https://127.0.0.1/", TimeoutMs = 1000, ToleranceMs = 500, LatencyLimitMs = 300,
                Network = new() { IpVersion = "prefer6", Resolver = "127.0.0.1:53" },
                Tls = new() { Ca = "file:ca.pem", ClientCertificate = "env:DAC_SECRET_CLIENT", SkipVerify = false, ServerName = "a.example", MinVersion = "1.3", MinDays = 14 },
                Http = new()
                {
                    Method = "POST", Headers = new Dictionary<string, string> { ["Accept"] = "text/html" }, Body = "b", Status = "2xx,301",
                    SecretHeaders = new Dictionary<string, string> { ["X-Api-Key"] = "env:DAC_SECRET_KEY" }, BodyMatches = ["m"], BodyForbids = ["f"],
                    HeaderMatches = ["A: b"], HeaderForbids = ["C: d"], Json = "a.b", JsonValue = "1", MaxBytes = 1000, Compression = true, FollowRedirects = false,
                    MaxRedirects = 3, Version = "2", ReuseConnection = true, Proxy = "http://127.0.0.1:3128", ProxyUser = "p", ProxyPassword = "file:p",
                    BasicUser = "u", BasicPassword = "file:u", Bearer = "file:t",
                },
            },
        ],
    };

    private static readonly ProbeResultBatch Results = new()
    {
        Location = "default",
        Collector = "host/1",
        ClockOffsetMs = 2,
        Results =
        [
            new ProbeResult
            {
                TargetId = 7, ScheduledAtMs = 1700000000250, Outcome = Outcome.Up, LatenessUs = 310, StatusCode = 200, ResolveUs = 1, ConnectUs = 2, TlsUs = 3,
                RequestUs = 4, FirstByteUs = 5, TransferUs = 6, TotalUs = 21, Bytes = 100, TlsExpiresAtMs = 1800000000000, Match = "a b", Flags = ProbeRemarks.Late,
            },
            new ProbeResult { TargetId = 8, ScheduledAtMs = 1700000000251, Outcome = Outcome.Expired, Error = "late" },
        ],
    };

    [Fact]
    public void Commands_are_written_as_they_were_yesterday() =>
        Assert.Equal(BatchJson, JsonSerializer.Serialize(Batch, ContractJson.Default.ProbeBatch));

    [Fact]
    public void Results_are_written_as_they_were_yesterday() =>
        Assert.Equal(ResultJson, JsonSerializer.Serialize(Results, ContractJson.Default.ProbeResultBatch));

    [Fact]
    public void Options_are_written_as_they_were_yesterday_and_read_back_the_same()
    {
        Assert.Equal(OptionsJson, JsonSerializer.Serialize(BatchWithOptions, ContractJson.Default.ProbeBatch));
        Assert.Equivalent(BatchWithOptions, Read(OptionsJson, ContractJson.Default.ProbeBatch), strict: true);
    }

    [Fact]
    public void Options_in_the_same_words_are_read_once()
    {
        var first = Read(OptionsJson, ContractJson.Default.ProbeBatch)!.Probes[0];
        // In other batches, and however it is spaced.
        var again = Read(OptionsJson.Replace("\"ipVersion\":", " \"ipVersion\" : "), ContractJson.Default.ProbeBatch)!.Probes[0];
        Assert.Same(first.Network, again.Network);
        Assert.Same(first.Tls, again.Tls);
        Assert.NotSame(first, again);
    }

    [Theory]
    [InlineData("""{"reuseConnection":true}""", """{"reuseConnection":false}""")]
    [InlineData("""{"body":"true"}""", """{"body":"false"}""")]
    [InlineData("""{"body":"1"}""", """{"maxBytes":1}""")]
    [InlineData("""{"bodyMatches":["a","b"]}""", """{"bodyMatches":["ab"]}""")]
    [InlineData("""{"headers":{"a":"b","c":"d"}}""", """{"headers":{"a":"bcd"}}""")]
    [InlineData("""{"headers":{"a":"b"},"body":"c"}""", """{"headers":{"a":"b","body":"c"}}""")]
    [InlineData("{}", """{"method":null}""")]
    public void Options_in_other_words_are_others(string some, string others)
    {
        foreach (var json in new[] { some, others, some, others })
        {
            var expected = JsonSerializer.Deserialize<HttpOptions>(json, JsonSerializerOptions.Web);
            Assert.Equivalent(expected, Command(json).Http, strict: true);
        }
    }

    [Fact]
    public void Any_number_of_different_options_are_read_as_they_are_and_large_ones_too()
    {
        foreach (var _ in Enumerable.Range(0, 2))
        {
            foreach (var n in Enumerable.Range(0, 500))
                Assert.Equal(n, Command($$"""{"maxBytes":{{n}}}""").Http!.MaxBytes);
            foreach (var length in new[] { 480, 490, 500, 8_000 })
                Assert.Equal(length, Command($$"""{"body":"{{new string('b', length)}}"}""").Http!.Body!.Length);
        }
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("\"GET\"")]
    [InlineData("""{"maxBytes":"many"}""")]
    [InlineData("""{"headers":{"a":1}}""")]
    public void Options_that_are_none_refuse_their_command_each_time(string json)
    {
        foreach (var _ in Enumerable.Range(0, 2))
            Assert.Throws<JsonException>(() => Command(json));
    }

    [Fact]
    public void Commands_that_many_threads_read_have_their_own_options() =>
        Parallel.For(0, 20_000, n => Assert.Equal(n % 200, Command($$"""{"maxBytes":{{n % 200}}}""").Http!.MaxBytes));

    [Fact]
    public void Options_of_a_newer_version_are_ignored()
    {
        var newer = OptionsJson.Replace("\"method\":", "\"priority\":{\"a\":[1]},\"method\":").Replace("\"network\":", "\"smtp\":{\"helo\":\"x\"},\"network\":");
        Assert.Equivalent(BatchWithOptions, Read(newer, ContractJson.Default.ProbeBatch), strict: true);
    }

    [Fact]
    public void What_is_written_is_read_back_the_same()
    {
        Assert.Equivalent(Batch, Read(BatchJson, ContractJson.Default.ProbeBatch), strict: true);
        Assert.Equivalent(Results, Read(ResultJson, ContractJson.Default.ProbeResultBatch), strict: true);
    }

    [Fact]
    public void Fields_of_a_newer_version_are_ignored()
    {
        var newer = BatchJson.Replace("\"partition\":3", "\"priority\":{\"a\":[1]},\"partition\":3").Replace("\"targetId\":7", "\"targetId\":7,\"method\":\"HEAD\"");
        Assert.Equivalent(Batch, Read(newer, ContractJson.Default.ProbeBatch), strict: true);
    }

    [Fact]
    public void Of_a_command_that_waits_its_key_alone_is_read_whatever_else_there_is()
    {
        var more = BatchJson.Replace("\"targetId\":7", "\"newer\":{\"targetId\":1,\"list\":[{\"toleranceMs\":2}]},\"targetId\":7").Replace("\"timeoutMs\":1000", "\"timeoutMs\":\"none\"");
        Assert.Equal([new(7, 1700000000250, 500), new(8, 1700000000251, 500)], Read(more, ContractJson.Default.ProbeBatch)!.Keys());
        Assert.Equal([new(7, 1700000000250, 500), new(8, 1700000000251, 500)], Batch.Keys());
    }

    [Theory]
    [InlineData("\"targetId\":8,", "")]
    [InlineData("\"targetId\":8", "\"targetId\":null")]
    [InlineData("\"scheduledAtMs\":1700000000251", "\"scheduledAtMs\":\"1700000000251\"")]
    [InlineData("\"toleranceMs\":500,\"traceParent\"", "\"toleranceMs\":5000000000,\"traceParent\"")]
    [InlineData("\"probes\":[", "\"probes\":[null,")]
    [InlineData("\"probes\":[", "\"probes\":[[],")]
    public void A_command_whose_key_is_none_is_refused(string text, string otherwise)
    {
        Assert.Contains(text, BatchJson);
        Assert.Throws<JsonException>(() => Read(BatchJson.Replace(text, otherwise), ContractJson.Default.ProbeBatch)!.Keys().ToList());
    }

    [Fact]
    public void An_outcome_that_only_a_newer_version_names_keeps_its_class()
    {
        var newer = ResultJson.Replace("\"outcome\":60", "\"outcome\":69");
        var read = Read(newer, ContractJson.Default.ProbeResultBatch)!;
        Assert.Equal(OutcomeClass.Missed, read.Results[1].Outcome.Class());
    }

    [Theory]
    [InlineData("\"location\":\"default\",")]
    [InlineData("\"windowStartMs\":1700000000000,")]
    public void A_command_without_a_field_that_it_needs_is_refused(string field) =>
        Assert.Throws<JsonException>(() => Read(BatchJson.Replace(field, ""), ContractJson.Default.ProbeBatch));

    [Theory]
    [InlineData("\"url\":\"http://127.0.0.1/\",", "")]
    [InlineData("\"url\":\"http://127.0.0.1/\"", "\"url\":1")]
    [InlineData("\"probes\":[", "\"probes\":[null,")]
    public void A_command_that_is_none_is_refused_when_it_is_read_and_not_its_batch(string text, string otherwise)
    {
        var batch = Read(BatchJson.Replace(text, otherwise), ContractJson.Default.ProbeBatch)!;
        Assert.Throws<JsonException>(() => batch.Probes[0]);
        Assert.Throws<JsonException>(() => batch.Probes.ToList());
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("[ ]")]
    public void A_list_without_an_element_is_empty(string list)
    {
        var (start, end) = (BatchJson.IndexOf("\"probes\":[", StringComparison.Ordinal) + 9, BatchJson.LastIndexOf(']') + 1);
        Assert.Empty(Read(BatchJson[..start] + list + BatchJson[end..], ContractJson.Default.ProbeBatch)!.Probes);
    }

    [Theory]
    [InlineData("1")]
    [InlineData("{}")]
    [InlineData("[")]
    [InlineData("[{},]")]
    public void What_is_no_list_is_refused_with_its_batch(string list)
    {
        var (start, end) = (BatchJson.IndexOf("\"probes\":[", StringComparison.Ordinal) + 9, BatchJson.LastIndexOf(']') + 1);
        Assert.Throws<JsonException>(() => Read(BatchJson[..start] + list + BatchJson[end..], ContractJson.Default.ProbeBatch));
    }

    [Fact]
    public void What_is_packed_is_the_text_that_the_objects_would_be_and_is_read_back_one_by_one_with_blanks_between()
    {
        var packer = new PackedList<ProbeResult>.Packer(1);
        foreach (var result in Results.Results)
            packer.Add(result);
        var packed = Results with { Results = packer.Pack(out _) };

        Assert.Equal(ResultJson, JsonSerializer.Serialize(packed, ContractJson.Default.ProbeResultBatch));
        Assert.Equal(Results.Results, packed.Results);
        Assert.Equal(Results.Results[1], packed.Results[1]);
        var spaced = Read(ResultJson.Replace("},{", "} ,\n {"), ContractJson.Default.ProbeResultBatch)!.Results;
        Assert.Equal(Results.Results, spaced);
        Assert.Equal(Results.Results[1], spaced[1]);
    }

    [Fact]
    public void A_message_that_is_read_as_a_whole_keeps_its_list_as_part_of_its_text()
    {
        var text = Encoding.UTF8.GetBytes(ResultJson.Replace("},{", "} ,\n {"));
        var read = ContractJson.Read(text, ContractJson.Default.ProbeResultBatch)!.Results;
        Assert.Equal(Results.Results, read);

        text.AsSpan().Replace((byte)'1', (byte)'2');
        Assert.NotEqual(Results.Results[1], read[1]);
    }

    [Fact]
    public void A_message_whose_text_is_not_at_hand_has_its_list_as_objects()
    {
        Assert.Equal(Results.Results, JsonSerializer.Deserialize(ResultJson, ContractJson.Default.ProbeResultBatch)!.Results);
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize(ResultJson.Replace("[{", "[null,{"), ContractJson.Default.ProbeResultBatch));
    }

    [Fact]
    public void Nothing_packed_is_an_empty_list() =>
        Assert.Equal("[]", JsonSerializer.Serialize(Results with { Results = new PackedList<ProbeResult>.Packer(1).Pack(out _) }, ContractJson.Default.ProbeResultBatch)[^3..^1]);

    private static ProbeUrl Command(string http) =>
        Read(BatchJson.Replace("\"regex\":\"a\\u002Bb\"", $"\"http\":{http}"), ContractJson.Default.ProbeBatch)!.Probes[0];

    private static T? Read<T>(string json, JsonTypeInfo<T> type) => ContractJson.Read(Encoding.UTF8.GetBytes(json), type);
}
