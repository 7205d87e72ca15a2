using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Dac.Benchmarks.EndToEnd;

/// <summary>What is probed: an nginx on many loopback hosts that logs each arrival, and sockets that take a connection and never answer.</summary>
public sealed class Nginx : IAsyncDisposable
{
    private const int DeadPort = 18_099;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("dac-benchmark-");
    private readonly List<Socket> _dead = [];
    private readonly Settings _settings;
    private readonly int _port;
    private Process? _process;

    public Nginx(Settings settings)
    {
        _settings = settings;
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        _port = ((IPEndPoint)free.LocalEndpoint).Port;
    }

    /// <summary>The certificate that everything must trust, PEM.</summary>
    public string CertificateFile => Path.Combine(_folder.FullName, "cert.pem");

    private string LogFile => Path.Combine(_folder.FullName, "access.log");

    /// <summary>Starts it.</summary>
    /// <exception cref="InvalidOperationException">There is no nginx, or it does not start.</exception>
    public void Start()
    {
        // Its workers give up root, and must reach what they serve.
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(_folder.FullName, (UnixFileMode)0b111_101_101);
        Certify();
        var configuration = Path.Combine(_folder.FullName, "nginx.conf");
        File.WriteAllText(configuration, Configuration());
        try
        {
            _process = Process.Start(new ProcessStartInfo("nginx", ["-c", configuration, "-g", "daemon off;"]) { RedirectStandardError = true })!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new InvalidOperationException("nginx serves the targets, and is not there: apt-get install nginx-light", e);
        }
        if (_process.WaitForExit(500))
            throw new InvalidOperationException($"nginx does not start: {_process.StandardError.ReadToEnd()}");
        for (var i = 0; i < _settings.Dead; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(DeadHost(i), DeadPort));
            socket.Listen();
            _dead.Add(socket);
            _ = HangAsync(socket);
        }
    }

    /// <summary>
    /// Whether the kernel keeps an entry of each connection to it (netfilter's conntrack), as it does wherever Docker or a firewall has asked it to: it makes
    /// fresh connections dearer for everybody.
    /// </summary>
    public async Task<bool> IsTrackedAsync()
    {
        // linux/netfilter_ipv4.h: where a connection was to go before it was redirected, which is known of tracked ones only.
        const int SolIp = 0, OriginalDestination = 80;
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, _port);
        try
        {
            return socket.GetRawSocketOption(SolIp, OriginalDestination, new byte[16]) > 0;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>URL of a target that answers.</summary>
    public string Url(int target) => $"{_settings.Scheme}://127.0.0.{target % _settings.Hosts + 1}:{_port}/t/{target}";

    /// <summary>The same by the name of the first host.</summary>
    public string NamedUrl(int target) => $"{_settings.Scheme}://localhost:{_port}/t/{target}";

    /// <summary>URL of one that does not.</summary>
    public string DeadUrl(int target) => $"http://{DeadHost(target)}:{DeadPort}/";

    /// <summary>Most arrivals in any 10 ms of a span, against the mean; null where nothing arrived.</summary>
    public double? Burst(DateTimeOffset from, DateTimeOffset to) => Burst(
        File.ReadLines(LogFile).Select(line =>
        {
            var parts = line.Split(' ');
            // The time is that of the answer's end.
            return (double.Parse(parts[0], CultureInfo.InvariantCulture) - double.Parse(parts[1], CultureInfo.InvariantCulture)) * 1_000;
        }),
        from, to);

    /// <summary>Likewise, of moments in Unix ms.</summary>
    public static double? Burst(IEnumerable<double> moments, DateTimeOffset from, DateTimeOffset to)
    {
        var (start, end) = (from.ToUnixTimeMilliseconds(), to.ToUnixTimeMilliseconds());
        var bins = new int[(end - start) / 10 + 1];
        var count = 0;
        foreach (var moment in moments)
        {
            var at = (long)moment;
            if (at < start || at >= end)
                continue;
            bins[(at - start) / 10]++;
            count++;
        }
        return count == 0 ? null : bins.Max() / (count / (double)bins.Length);
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
        {
            using var kill = Process.Start("kill", [$"{_process.Id}"]);
            await _process.WaitForExitAsync();
        }
        _process?.Dispose();
        _dead.ForEach(s => s.Dispose());
        _folder.Delete(recursive: true);
    }

    // Takes each connection and whatever comes over it, until the other side has enough. Left to the system they would pile up, a page of its memory for TCP each,
    // until it has none left for anybody.
    private static async Task HangAsync(Socket listener)
    {
        while (true)
        {
            try
            {
                _ = DrainAsync(await listener.AcceptAsync());
            }
            catch (Exception e) when (e is ObjectDisposedException or SocketException { SocketErrorCode: SocketError.OperationAborted })
            {
                return;
            }
        }
    }

    private static async Task DrainAsync(Socket connection)
    {
        using (connection)
        {
            var buffer = new byte[1_024];
            try
            {
                while (await connection.ReceiveAsync(buffer) > 0)
                    continue;
            }
            catch (SocketException)
            {
                // A reset is an end, too.
            }
        }
    }

    private static IPAddress DeadHost(int target) => new([127, 0, (byte)(1 + target / 250), (byte)(1 + target % 250)]);

    private void Certify()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=targets", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        for (var host = 1; host <= _settings.Hosts; host++)
            names.AddIpAddress(new IPAddress([127, 0, 0, (byte)host]));
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(10));
        File.WriteAllText(CertificateFile, certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(_folder.FullName, "key.pem"), key.ExportPkcs8PrivateKeyPem());
    }

    private string Configuration()
    {
        var folder = _folder.FullName;
        var listens = new StringBuilder();
        for (var host = 1; host <= _settings.Hosts; host++)
            listens.AppendLine(CultureInfo.InvariantCulture, $"    listen 127.0.0.{host}:{_port} {(_settings.Scheme == "https" ? "ssl " : "")}backlog=8192;");
        return $$"""
            worker_processes 1;
            worker_rlimit_nofile 65536;
            pid {{folder}}/nginx.pid;
            error_log {{folder}}/error.log crit;
            events { worker_connections 20000; multi_accept on; }
            http {
              log_format bench '$msec $request_time';
              access_log {{LogFile}} bench buffer=64k flush=1s;
              client_body_temp_path {{folder}}/tmp; proxy_temp_path {{folder}}/tmp; fastcgi_temp_path {{folder}}/tmp; uwsgi_temp_path {{folder}}/tmp; scgi_temp_path {{folder}}/tmp;
              keepalive_timeout 75s; keepalive_requests 1000000; reset_timedout_connection on;
              ssl_certificate {{folder}}/cert.pem; ssl_certificate_key {{folder}}/key.pem; ssl_session_cache shared:SSL:10m;
              server {
            {{listens}}
                location / { default_type text/html; return 200 "<html><body><h1>target</h1><p>status: OK version 1.2.3</p><p>{{new string('x', 110)}}</p></body></html>"; }
              }
            }
            """;
    }
}
