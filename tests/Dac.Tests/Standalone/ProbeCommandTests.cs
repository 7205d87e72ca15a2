using System.Diagnostics;
using System.Text.Json.Nodes;
using Dac.Standalone;
using Dac.Tests.Collector;
using Dac.Tests.Support;

namespace Dac.Tests.Standalone;

/// <summary><c>dac probe</c> as a user calls it, against servers of the test's own.</summary>
[Trait("slow", "yes")]
public sealed class ProbeCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();

    [Fact]
    public async Task A_probe_is_shown_with_its_phases_certificate_and_assertions()
    {
        using var authority = new TestAuthority();
        using var certificate = authority.Issue();
        await using var server = await KestrelServer.StartAsync(c => c.Response.WriteAsync("status: OK"), certificate: certificate);
        string[] call = ["probe", server.Url("https"), "--tls.ca", "file:ca.pem", "--regex", "status: (.*)", "--http.status", "2xx,301", "--http.headerMatches", "Server: Kestrel", $"--Collector:SecretsDirectory={authority.Folder}"];
        var (code, text, error) = await DacAsync(call);
        Assert.Equal((0, ""), (code, error));
        foreach (var seen in new[] { "up", "resolve", "connect", "tls", "first byte", "█", "TLS 1.", "CN=localhost", "CN=DAC test authority", "127.0.0.1", "HTTP/1.1", "holds" })
            Assert.Contains(seen, text, StringComparison.Ordinal);
        (code, text, _) = await DacAsync([.. call, "--json"]);
        var json = JsonNode.Parse(text)!;
        Assert.Equal((0, "up", "executed", 200, "OK"), (code, (string?)json["outcome"], (string?)json["class"], (int?)json["statusCode"], (string?)json["match"]));
        Assert.Equal(
            ["url", "outcome", "class", "error", "statusCode", "phases", "bytes", "tlsExpiresAt", "match", "flags", "address", "protocol", "tlsVersion", "cipher", "certificates", "redirects", "assertions"],
            json.AsObject().Select(p => p.Key));
        Assert.True((double)json["phases"]!["tls"]! > 0);
        Assert.Equal("CN=localhost", (string?)json["certificates"]![0]!["subject"]);
        Assert.All(json["assertions"]!.AsArray(), a => Assert.True((bool)a!["holds"]!));
    }

    [Fact]
    public async Task The_exit_code_is_of_the_outcomes_class()
    {
        await using var slow = await KestrelServer.StartAsync(async c =>
        {
            await Task.Delay(100);
            await c.Response.WriteAsync("x");
        });
        Assert.Equal(1, (await DacAsync("probe", slow.Url("http"), "--latency-limit", "50ms")).Code);
        Assert.Equal(2, (await DacAsync("probe", TestServer.Closed())).Code);
        Assert.Equal(3, (await DacAsync("probe", slow.Url("http"), "--http.bearer", "env:DAC_SECRET_THAT_IS_NOT_SET")).Code);
        var (code, output, _) = await DacAsync("probe", slow.Url("http"), "--Collector:DeniedNetworks=127.0.0.0/8,::1/128");
        Assert.Equal(2, code);
        Assert.Contains("denied", output, StringComparison.Ordinal);
        Assert.Equal(2, (await DacAsync("probe", "--Collector:DeniedNetworks=127.0.0.0/8,::1/128", slow.Url("http"))).Code);
    }

    [Theory]
    [InlineData("url: is missing", "probe")]
    [InlineData("no prober for the scheme 'gopher'", "probe", "gopher://x")]
    [InlineData("'--http.methd' is not an option", "probe", "http://x/", "--http.methd", "GET")]
    [InlineData("'--http.methd' is not an option", "probe", "--http.methd", "http://x/")]
    [InlineData("'--http.proxi' is not an option", "probe", "http://x/", "--http.proxi=http://y:1")]
    [InlineData("Collector:DeniedNetwork is no setting", "probe", "http://x/", "--Collector:DeniedNetwork=10.0.0.0/8")]
    [InlineData("--data stands before the command", "--data", "x", "probe", "http://x/")]
    [InlineData("'http://y/' is not an option", "probe", "http://x/", "http://y/")]
    [InlineData("http.method 'BREW': is not a method", "probe", "http://x/", "--http.method", "BREW")]
    [InlineData("--http.maxRedirects 'many': is not a whole number", "probe", "http://x/", "--http.maxRedirects", "many")]
    [InlineData("http: is given for the scheme 'tcp'", "probe", "tcp://x:1", "--http.method", "GET")]
    [InlineData("--spec can't be read", "probe", "--spec", "{nonsense")]
    [InlineData("--spec can't be read", "probe", "--spec", "no-such-file")]
    [InlineData("Give --target or --spec", "probe", "--spec", "{}", "--target", "1")]
    [InlineData("There is no database", "probe", "--target", "1")]
    [InlineData("Collector:MaxBodyBytes '7' is not allowed", "probe", "http://x/", "--Collector:MaxBodyBytes=7")]
    [InlineData("--timeout", "probe", "http://x/", "--timeout")]
    public async Task A_mistake_is_64_with_a_sentence(string expected, params string[] args)
    {
        var (code, _, error) = await DacAsync(args);
        Assert.Equal(64, code);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stored_target_is_probed_as_it_is_defined_and_a_definition_by_its_JSON()
    {
        await using var server = SocketServer.Lines("220 ready\r\n");
        var csv = _folder.Write("urls.csv", $"key,url,interval,regex\nmail,tcp://127.0.0.1:{server.Port},5s,220 (.*)\\r\n");
        Assert.Equal(0, (await DacAsync("import", csv)).Code);
        Assert.Equal("ready", (string?)JsonNode.Parse((await DacAsync("probe", "--target", "mail", "--json")).Output)!["match"]);
        Assert.Contains("There is no target 'post'", (await DacAsync("probe", "--target", "post")).Error, StringComparison.Ordinal);
        var spec = _folder.Write("spec.json", $$"""{"url": "tcp://127.0.0.1:{{server.Port}}", "tcp": {"dialogue": ["expect: ^554 "] } }""");
        Assert.Equal(2, (await DacAsync("probe", "--spec", spec, "--timeout", "300ms")).Code);
        Assert.Equal(0, (await DacAsync("probe", "--spec", spec, "--tcp.dialogue", "expect: ^220 ", "--tcp.dialogue", @"send: QUIT\r\n")).Code);
    }

    [Theory]
    [InlineData("icmp://127.0.0.1", 0, "up", "")]
    [InlineData("icmp://192.0.2.9", 2, "timeout", "not finished within 1000 ms")]
    [InlineData("icmp://192.0.2.9 --icmp.payloadBytes 9000 --icmp.dontFragment true", 2, "connect_failed", "the packet is too large for the path")]
    [InlineData("icmp://198.51.100.1", 2, "connect_failed", "")]
    [InlineData("icmp://203.0.113.1", 3, "network_fault", "the collector has no route")]
    public async Task Echoes_go_out_with_and_without_privileges(string call, int code, string outcome, string error)
    {
        foreach (var group in new[] { "0 0", "1 0" })
        {
            // A network of its own: a bridge without ports that swallows all, a network that is unreachable, and no route to any other; ping sockets allowed or not.
            var script = $"ip link set lo up && ip link add swallow type bridge && ip address add 192.0.2.1/24 dev swallow && ip link set swallow up && ip route add unreachable 198.51.100.0/24 && echo '{group}' > /proc/sys/net/ipv4/ping_group_range && exec dotnet '{typeof(StandaloneModule).Assembly.Location}' probe {call} --timeout 1s";
            var run = await RunAsync("unshare", "--net", "sh", "-c", script);
            Assert.SkipWhen(run.Error.Contains("unshare", StringComparison.Ordinal) || run.Error.Contains("ip:", StringComparison.Ordinal), "no network namespaces here");
            Assert.True(run.Code == code, $"{run.Code} {run.Output} {run.Error}");
            Assert.Contains(outcome, run.Output, StringComparison.Ordinal);
            Assert.Contains(error, run.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_collector_that_may_not_send_ICMP_says_so_and_blames_itself()
    {
        var script = $"ip link set lo up && echo '1 0' > /proc/sys/net/ipv4/ping_group_range && exec setpriv --bounding-set -net_raw --inh-caps -net_raw dotnet '{typeof(StandaloneModule).Assembly.Location}' probe icmp://127.0.0.1";
        var run = await RunAsync("unshare", "--net", "sh", "-c", script);
        Assert.SkipWhen(run.Error.Contains("unshare", StringComparison.Ordinal) || run.Error.Contains("setpriv", StringComparison.Ordinal), "no network namespaces here");
        Assert.Equal(3, run.Code);
        Assert.Contains("let its group into net.ipv4.ping_group_range, or give it the capability CAP_NET_RAW", run.Output, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private Task<(int Code, string Output, string Error)> DacAsync(params string[] args) => RunAsync("dotnet", [typeof(StandaloneModule).Assembly.Location, .. args]);

    private async Task<(int Code, string Output, string Error)> RunAsync(string program, params string[] args)
    {
        var start = new ProcessStartInfo(program, args) { WorkingDirectory = _folder.Path, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment.Remove("ConnectionStrings__Database");
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output, await error);
    }
}
