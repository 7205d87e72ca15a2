using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Dac.Standalone;
using Dac.Tests.Collector;
using Dac.Tests.Support;
using Microsoft.Data.Sqlite;

namespace Dac.Tests.Standalone;

/// <summary>The program as a user calls it.</summary>
[Trait("slow", "yes")]
public sealed class CommandLineTests : IDisposable
{
    private readonly TempFolder _folder = new();

    [Fact]
    public async Task Help_has_an_example_for_each_command()
    {
        foreach (var command in new[] { "", "run", "import", "export", "targets", "results", "ledger", "parked", "parked replay", "parked drop", "probe" })
        {
            var (code, output, _) = await DacAsync([.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]);
            Assert.Equal(0, code);
            Assert.Contains("  dac ", output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task What_is_imported_is_listed_and_exported()
    {
        var csv = _folder.Write("urls.csv", "key,url,interval,regex\na,http://127.0.0.1:9/,5s,\nb,http://127.0.0.1:9/b,1m,x\n");
        var (code, output, error) = await DacAsync("import", csv);
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("2 added, 0 changed, 0 unchanged", output, StringComparison.Ordinal);
        Assert.Contains("0 added, 0 changed, 2 unchanged", (await DacAsync("import", csv)).Output, StringComparison.Ordinal);
        Assert.Contains("not probed yet", (await DacAsync("targets")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await DacAsync("export", _folder.File("out.csv"))).Code);
        Assert.Contains("b,http://127.0.0.1:9/b,1m,,,x,", await File.ReadAllTextAsync(_folder.File("out.csv"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Contains("No results yet", (await DacAsync("results")).Output, StringComparison.Ordinal);
        Assert.Contains("coverage", (await DacAsync("ledger", "--since", "5m")).Output, StringComparison.Ordinal);
        Assert.Contains("coverage", (await DacAsync("ledger", "--target", "1")).Output, StringComparison.Ordinal);
        Assert.Contains("Nothing is parked.", (await DacAsync("parked")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Samples_are_imported_into_an_empty_database_only()
    {
        var samples = _folder.Write("samples.csv", "key,url,interval\nsample,http://127.0.0.1:9/,5s\n");
        Assert.Contains("1 added", (await DacAsync("import", samples, "--if-empty")).Output, StringComparison.Ordinal);
        var changed = _folder.Write("changed.csv", "key,url,interval\nsample,http://127.0.0.1:9/,10s\n");
        var (code, output, _) = await DacAsync("import", changed, "--if-empty");
        Assert.Equal(0, code);
        Assert.Contains("was not imported", output, StringComparison.Ordinal);
        Assert.DoesNotContain("10s", (await DacAsync("targets")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_parked_is_listed_with_its_reason_replayed_and_dropped()
    {
        var csv = _folder.Write("urls.csv", "url,interval\nhttp://127.0.0.1:9/,5s\n");
        Assert.Equal(0, (await DacAsync("import", csv)).Code);
        using (var connection = new SqliteConnection($"Data Source={Path.Combine(_folder.Path, "data", "dac.db")};Pooling=false"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = """
                INSERT INTO parked_result (parked_at, reason, payload) VALUES
                (0, 'the disk was full', '{"location":"#1","collector":"#1","results":[{"targetId":1,"scheduledAtMs":1790000000000,"outcome":10}]}'),
                (0, 'nonsense', '{"location":')
                """;
            command.ExecuteNonQuery();
        }
        var listed = (await DacAsync("parked")).Output;
        Assert.Contains("the disk was full", listed, StringComparison.Ordinal);
        Assert.Contains("2 parked", listed, StringComparison.Ordinal);

        var (code, output, error) = await DacAsync("parked", "replay");

        Assert.Equal(2, code);
        Assert.Contains("1 done, 1 left.", output, StringComparison.Ordinal);
        Assert.Contains("parked_result 2 stays: it is no result that a writer has parked", error, StringComparison.Ordinal);
        Assert.Contains("Up", (await DacAsync("results", "--target", "1")).Output, StringComparison.Ordinal);
        Assert.Contains("1 done, 0 left.", (await DacAsync("parked", "drop")).Output, StringComparison.Ordinal);
        Assert.Contains("Nothing is parked.", (await DacAsync("parked")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_bad_line_keeps_all_out_unless_it_is_to_be_skipped()
    {
        var csv = _folder.Write("urls.csv", "url,interval\nhttp://127.0.0.1:9/,5s\nhttp://127.0.0.1:9/b,0\n");
        var (code, _, error) = await DacAsync("import", csv);
        Assert.Equal(1, code);
        Assert.Contains("line 3: interval '0': is shorter than 1 s; use 1s or more", error, StringComparison.Ordinal);
        Assert.Contains("Nothing was imported", error, StringComparison.Ordinal);
        Assert.Contains("1 added", (await DacAsync("import", csv, "--skip-invalid")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bad_line_is_told_whatever_it_holds_and_whatever_the_file_is_called()
    {
        var csv = _folder.Write("urls[1].csv", "url,interval,regex\nhttp://127.0.0.1:9/,5s,[a-\nhttp://127.0.0.1:9/b,5s,\n");
        var (code, _, error) = await DacAsync("import", csv);
        Assert.Equal(1, code);
        Assert.Contains("urls[1].csv line 2: regex '[a-'", error, StringComparison.Ordinal);
        Assert.Contains("1 added", (await DacAsync("import", csv, "--skip-invalid")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_in_another_encoding_is_refused_and_not_guessed()
    {
        var csv = _folder.File("latin.csv");
        await File.WriteAllBytesAsync(csv, System.Text.Encoding.Latin1.GetBytes("url,interval,regex\nhttp://127.0.0.1:9/,5s,geöffnet\n"), TestContext.Current.CancellationToken);
        var (code, _, error) = await DacAsync("import", csv);
        Assert.Equal(1, code);
        Assert.Contains("is not UTF-8: save it as 'CSV UTF-8'", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_server_or_a_stranger_says_does_not_steer_the_terminal()
    {
        Assert.Equal(0, (await DacAsync("import", _folder.Write("urls.csv", "url,interval\nhttp://127.0.0.1:9/,5s\n"))).Code);
        using (var connection = new SqliteConnection($"Data Source={Path.Combine(_folder.Path, "data", "dac.db")};Pooling=false"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = """
                INSERT INTO parked_result (parked_at, reason, payload) VALUES (0, 'no' || char(27) || '[2J', char(27) || ']52;c;x');
                INSERT INTO probe_result (target_id, location_id, scheduled_at, outcome, match, flags) VALUES (1, 1, unixepoch() * 1000, 10, 'title' || char(27) || '[2J', 0);
                INSERT INTO target_state (target_id, location_id, health, since, scheduled_at, outcome, error) VALUES (1, 1, 3, 0, 0, 20, 'gone' || char(27) || '[2J');
                """;
            command.ExecuteNonQuery();
        }
        foreach (var (command, said) in new[] { ("parked", "no"), ("results", "title"), ("targets", "gone") })
        {
            var (_, output, _) = await DacAsync(command);
            Assert.Contains($"{said}\uFFFD[2J", output, StringComparison.Ordinal);
            Assert.DoesNotContain('\e', output);
        }
    }

    [Fact]
    public async Task The_health_of_one_that_does_not_run_is_asked_as_of_any_service()
    {
        var (code, _, error) = await DacAsync("--health");
        Assert.Equal(1, code);
        Assert.DoesNotContain("neither a command nor an option", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("There is no database at", "results")]
    [InlineData("can't be read", "import", "no-such-file.csv")]
    [InlineData("is not a duration of up to 24h", "ledger", "--since", "soon")]
    [InlineData("--last '0' is not a number of rows", "results", "--last", "0")]
    [InlineData("--last 'x' is not a number of rows", "results", "--last", "x")]
    [InlineData("'improt' is neither a command nor an option", "improt")]
    [InlineData("'--improt' is neither a command nor an option", "run", "--improt", "x")]
    [InlineData("'--sinc' is not an option of dac ledger. See: dac ledger --help", "ledger", "--sinc", "24h")]
    [InlineData("'--skip-invalidd' is not an option of dac import", "import", "urls.csv", "--skip-invalidd")]
    [InlineData("'more' is not an option of dac targets", "targets", "more")]
    [InlineData("'--tast' is not an option of dac parked replay. See: dac parked replay --help", "parked", "replay", "--tast")]
    [InlineData("--data stands before the command, and is not its option there: write it behind, dac parked drop --data", "parked", "--data", "x", "drop")]
    [InlineData("--data stands before the command, and is not its option there: write it behind, dac targets --data", "--data", "x", "targets")]
    [InlineData("'--lisen' is neither a command nor an option", "run", "--lisen=http://127.0.0.1:1")]
    [InlineData("Collector:MaxPerHots is no setting. Those of Collector are Location, Name, MaxConcurrency", "run", "--Collector:MaxPerHots=3", "--listen", "http://127.0.0.1:0")]
    [InlineData("Collector:DeniedNetworks 'here' is not allowed: give networks like 169.254.0.0/16", "run", "--Collector:DeniedNetworks=here", "--listen", "http://127.0.0.1:0")]
    [InlineData("Collector:DeniedNetworks is one value", "run", "--Collector:DeniedNetworks:0=10.0.0.0/8", "--listen", "http://127.0.0.1:0")]
    [InlineData("'--ConnectionStrings__Broker' is neither", "run", "--ConnectionStrings__Broker=amqp://dac:hunter2@broker:5672/")]
    [InlineData("'http://***@y/' is not an option of dac targets", "targets", "http://bob:hunter2@y/")]
    [InlineData("Nothing was imported", "import", "/dev/null", "--skip-invalid")]
    [InlineData("Serilog:MinimumLevel: The value Loud is not a valid Serilog level", "run", "--Serilog:MinimumLevel:Default=Loud", "--listen", "http://127.0.0.1:0")]
    [InlineData("--listen 'http://127.0.0.1:0/path' is not a URL: give one like", "--listen", "http://127.0.0.1:0/path")]
    [InlineData("Give an address like --urls http://127.0.0.1:8080.", "run", "--Kestrel:Endpoints:X:Url=here")]
    [InlineData("give an address of this machine", "run", "--listen", "http://192.0.2.1:8080", "--Web:ApiKey=0123456789abcdef0")]
    [InlineData("ConnectionStrings:Broker can't be read", "run", "--ConnectionStrings:Broker=amqp:/dac:hunter2@broker", "--listen", "http://127.0.0.1:0")]
    [InlineData("There is no database at", "results", "--target", "@home")]
    [InlineData("is not a URL", "--listen", "here")]
    [InlineData("Scheduler:Lead '00:01:00' is not allowed: give 00:00:02 to 00:00:10 (default: 00:00:03).", "run", "--Scheduler:Lead=00:01:00", "--listen", "http://127.0.0.1:0")]
    [InlineData("Write hours:minutes:seconds, like 00:00:03.", "run", "--Scheduler:Lead=1m", "--listen", "http://127.0.0.1:0")]
    [InlineData("Write a whole number.", "run", "--Collector:MaxPerHost=many", "--listen", "http://127.0.0.1:0")]
    [InlineData("Collector:MaxPerHost", "run", "--Collector:MaxPerHost=many", "--listen", "http://127.0.0.1:0")]
    [InlineData("Storage:RawRetention '00:00:01' is not allowed: give 1.00:00:00 to 3650.00:00:00", "run", "--Storage:RawRetention=00:00:01", "--listen", "http://127.0.0.1:0")]
    [InlineData("Web__ApiKey", "run", "--listen", "http://0.0.0.0:0")]
    public async Task A_mistake_gets_a_sentence_and_no_stack_trace(string expected, params string[] args)
    {
        var (code, _, error) = await DacAsync(args);
        Assert.Equal(1, code);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_ledger_of_targets_that_are_not_there_is_a_mistake_and_no_clean_ledger()
    {
        Assert.Equal(0, (await DacAsync("import", _folder.Write("urls.csv", "url,interval,tags\nhttp://127.0.0.1:9/,5s,here\n"))).Code);
        foreach (var (code, filter) in new[] { (0, "--target 1"), (1, "--target 2"), (0, "--tag here"), (1, "--tag there") })
            Assert.Equal(code, (await DacAsync(["ledger", .. filter.Split(' ')])).Code);
        Assert.Contains("--target 2 names none", (await DacAsync("ledger", "--target", "2")).Error, StringComparison.Ordinal);
        Assert.Contains("--tag there names none", (await DacAsync("ledger", "--tag", "there")).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_is_no_database_is_refused_with_its_name()
    {
        Directory.CreateDirectory(_folder.File("data"));
        _folder.Write("data/dac.db", new string('x', 5_000));
        var (code, _, error) = await DacAsync("targets");
        Assert.Equal(1, code);
        Assert.Contains("dac.db is no SQLite database", error, StringComparison.Ordinal);
        var csv = _folder.Write("urls.csv", "url,interval\nhttp://127.0.0.1:9/,5s\n");
        Assert.Contains("of the database can't be made", (await DacAsync("import", csv, "--data", csv)).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_of_which_the_end_can_not_be_read_is_not_imported_in_part()
    {
        var csv = _folder.Write("urls.csv", "url,interval,regex\nhttp://127.0.0.1:9/,5s,\nhttp://127.0.0.1:8/,5s,\"open\nhttp://127.0.0.1:7/,5s,\n");
        var (code, _, error) = await DacAsync("import", csv, "--skip-invalid");
        Assert.Equal(1, code);
        Assert.Contains("line 3: file: a quote is not closed", error, StringComparison.Ordinal);
        Assert.Contains("Nothing was imported", error, StringComparison.Ordinal);
        Assert.DoesNotContain("--skip-invalid", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("results")]
    [InlineData("ledger")]
    [InlineData("import")]
    public async Task A_command_does_not_wait_in_silence_for_a_database_that_is_not_there(string command)
    {
        // Bound, so that nobody else is there, and not listening.
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)socket.LocalEndPoint!).Port;
        var csv = _folder.Write("urls.csv", "url,interval\nhttp://127.0.0.1:9/,1s\n");
        string[] args = command is "import" ? [command, csv] : [command];
        var (code, _, error) = await DacAsync(start => start.Environment["ConnectionStrings__Database"] = $"Host=127.0.0.1;Port={port};Username=dac;Database=dac", args);
        Assert.Equal(1, code);
        Assert.Contains($"127.0.0.1:{port}", error, StringComparison.Ordinal);
        Assert.Contains("start it, or correct ConnectionStrings:Database", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Import_works_while_run_holds_the_database()
    {
        using var run = Start("run", "--listen", "http://127.0.0.1:0");
        try
        {
            await Until.TrueAsync(() => File.Exists(Path.Combine(_folder.Path, "data", "dac.db")), "the database");
            var csv = _folder.Write("urls.csv", "url,interval\nhttp://127.0.0.1:9/,1s\n");
            Assert.Equal(0, (await DacAsync("import", csv)).Code);
            await Until.TrueAsync(async () => (await DacAsync("results")).Output.Contains("ConnectFailed", StringComparison.Ordinal), "a result", 30);
        }
        finally
        {
            run.Kill();
            await run.WaitForExitAsync(CancellationToken.None);
        }
    }

    [Fact]
    public async Task A_secret_of_TLS_that_takes_its_time_to_be_read_holds_up_no_other_target()
    {
        // Whoever opens a pipe to read waits for one who writes.
        using (var mkfifo = Process.Start("mkfifo", [_folder.File("slow")]))
            await mkfifo.WaitForExitAsync(TestContext.Current.CancellationToken);
        using var secure = new TcpListener(IPAddress.Loopback, 0);
        secure.Start();
        var requests = 0;
        var (url, server) = await TestServer.HttpAsync(c => c.Response.WriteAsync($"{Interlocked.Increment(ref requests)}"));
        await using var _ = server;
        var csv = _folder.Write("urls.csv", $"url,interval,timeout,tls.ca\n{url},1s,500ms,\nhttps://{secure.LocalEndpoint},4s,2s,file:slow\n");
        using var run = Start("run", "--import", csv, "--listen", "http://127.0.0.1:0", $"--Collector:SecretsDirectory={_folder.Path}");
        try
        {
            // It is connected, and its secret is what comes next: by the thread that sees what arrives on all sockets, if nobody else takes over.
            using var connected = await secure.AcceptSocketAsync(TestContext.Current.CancellationToken);
            var before = Volatile.Read(ref requests);
            await Until.TrueAsync(() => Volatile.Read(ref requests) >= before + 3, "three requests of the other target");
        }
        finally
        {
            run.Kill();
            await run.WaitForExitAsync(CancellationToken.None);
        }
    }

    public void Dispose() => _folder.Dispose();

    private Task<(int Code, string Output, string Error)> DacAsync(params string[] args) => DacAsync(_ => { }, args);

    private async Task<(int Code, string Output, string Error)> DacAsync(Action<ProcessStartInfo> prepare, params string[] args)
    {
        using var process = Start(prepare, args);
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output, await error);
    }

    private Process Start(params string[] args) => Start(_ => { }, args);

    private Process Start(Action<ProcessStartInfo> prepare, params string[] args)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(StandaloneModule).Assembly.Location, .. args])
        {
            WorkingDirectory = _folder.Path,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove("ConnectionStrings__Database");
        prepare(start);
        return Process.Start(start)!;
    }
}
