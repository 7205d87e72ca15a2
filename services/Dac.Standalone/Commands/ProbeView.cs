using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Dac.Collector.Probing;
using Dac.Contracts;
using Dac.Web.Api;
using Spectre.Console;

namespace Dac.Standalone.Commands;

/// <summary>How one probe is shown: as a waterfall of its phases with all that was seen, or as JSON with the names that the API has.</summary>
internal static class ProbeView
{
    private const int BarWidth = 48;

    private static readonly JsonSerializerOptions JsonOptions = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.Never,
        NumberHandling = JsonNumberHandling.Strict,
        // For a terminal, not for a page.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static void WriteJson(string url, ProbeResult r, ProbeDetails details) => Console.Out.WriteLine(JsonSerializer.Serialize(
        new
        {
            Url = url,
            Outcome = Names.Of(r.Outcome),
            Class = Names.Of(r.Outcome.Class()),
            r.Error,
            r.StatusCode,
            Phases = new PhasesView(
                r.ResolveUs / 1_000.0, r.ConnectUs / 1_000.0, r.TlsUs / 1_000.0, r.RequestUs / 1_000.0, r.FirstByteUs / 1_000.0, r.TransferUs / 1_000.0, r.TotalUs / 1_000.0),
            r.Bytes,
            TlsExpiresAt = r.TlsExpiresAtMs is { } ms ? DateTimeOffset.FromUnixTimeMilliseconds(ms) : (DateTimeOffset?)null,
            r.Match,
            Flags = Names.Of(r.Flags),
            details.Address,
            details.Protocol,
            details.TlsVersion,
            details.Cipher,
            Certificates = details.Certificates.Distinct(),
            details.Redirects,
            details.Assertions,
        },
        JsonOptions));

    public static void Print(string url, ProbeResult r, ProbeDetails details, DateTimeOffset now)
    {
        var colour = r.Outcome.Class() != OutcomeClass.Executed ? "grey" : r.Outcome.Health() switch { TargetHealth.Up => "green", TargetHealth.Degraded => "yellow", _ => "red" };
        AnsiConsole.MarkupLine(string.Create(
            CultureInfo.InvariantCulture, $"[bold {colour}]{Names.Of(r.Outcome)}[/]  {Markup.Escape(url)}{(r.StatusCode is { } status ? $"  {status}" : "")}  {r.TotalUs / 1_000.0:F2} ms"));
        if (r.Error is not null)
            AnsiConsole.MarkupLine($"[{colour}]{Markup.Escape(Terminal.Clean(r.Error))}[/]");
        AnsiConsole.WriteLine();
        AnsiConsole.Write(Waterfall(r));
        var facts = Facts(r, details, now);
        if (facts.Rows.Count > 0)
        {
            AnsiConsole.WriteLine();
            AnsiConsole.Write(facts);
        }
    }

    // One phase begins where the one before ends; what belongs to none (matching, waiting for a place) is the rest.
    private static Grid Waterfall(ProbeResult r)
    {
        (string Name, int? Us, string Colour)[] phases =
        [
            ("resolve", r.ResolveUs, "cyan"), ("connect", r.ConnectUs, "blue"), ("tls", r.TlsUs, "magenta"),
            ("request", r.RequestUs, "olive"), ("first byte", r.FirstByteUs, "green"), ("transfer", r.TransferUs, "teal"),
        ];
        var total = Math.Max(1, r.TotalUs ?? 1);
        var grid = new Grid().AddColumn(new GridColumn().NoWrap()).AddColumn(new GridColumn().NoWrap().RightAligned()).AddColumn(new GridColumn().NoWrap());
        var begun = 0L;
        foreach (var (name, us, colour) in phases.Append(("rest", total - phases.Sum(p => p.Us ?? 0), "grey")))
        {
            if (us is not > 0)
                continue;
            var (from, to) = ((int)(begun * BarWidth / total), (int)Math.Ceiling((begun + us.Value) * (double)BarWidth / total));
            begun += us.Value;
            grid.AddRow(
                new Markup(name), new Markup(string.Create(CultureInfo.InvariantCulture, $"{us.Value / 1_000.0:F2} ms")),
                new Markup($"{new string(' ', from)}[{colour}]{new string('█', Math.Max(1, Math.Min(to, BarWidth) - from))}[/]"));
        }
        return grid;
    }

    private static Grid Facts(ProbeResult r, ProbeDetails details, DateTimeOffset now)
    {
        var grid = new Grid().AddColumn(new GridColumn().NoWrap()).AddColumn(new GridColumn());
        void Row(string name, string? value, string? colour = null)
        {
            if (value is { Length: > 0 })
                grid.AddRow(new Markup($"[grey]{name}[/]"), new Markup(colour is null ? Markup.Escape(Terminal.Clean(value)) : $"[{colour}]{Markup.Escape(Terminal.Clean(value))}[/]"));
        }
        Row("address", details.Address);
        foreach (var redirect in details.Redirects)
            Row("redirect", redirect);
        Row("protocol", details.Protocol);
        Row("tls", details.TlsVersion is null ? null : $"{details.TlsVersion.Replace("Tls1", "TLS 1.", StringComparison.Ordinal)}, {details.Cipher}");
        // A redirect shows the same chain again.
        foreach (var certificate in details.Certificates.Distinct())
        {
            var days = (certificate.NotAfter - now.UtcDateTime).TotalDays;
            Row(
                certificate == details.Certificates[0] ? "certificate" : "issued by",
                string.Create(CultureInfo.InvariantCulture, $"{certificate.Subject}, issuer {certificate.Issuer}, {(days < 0 ? "expired" : "expires")} {certificate.NotAfter:yyyy-MM-dd HH:mm} UTC ({Math.Abs(days):F0} days{(days < 0 ? " ago" : "")})"),
                days < 0 ? "red" : days < 14 ? "yellow" : null);
        }
        Row("bytes", r.Bytes?.ToString("N0", CultureInfo.InvariantCulture));
        Row("match", r.Match);
        foreach (var assertion in details.Assertions)
            Row(assertion.Holds ? "holds" : "fails", assertion.Seen is { Length: > 0 } seen ? $"{assertion.Asked}: {Shorten(seen)}" : assertion.Asked, assertion.Holds ? "green" : "red");
        return grid;
    }

    private static string Shorten(string text) => text.Length <= 120 ? text : text[..117] + "...";
}
