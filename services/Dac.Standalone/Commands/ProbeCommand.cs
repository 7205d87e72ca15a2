using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dac.Collector;
using Dac.Collector.Probing;
using Dac.Contracts;
using Dac.Hosting;
using Dac.Storage;
using Dac.Targets;
using Microsoft.EntityFrameworkCore;
using Spectre.Console;

namespace Dac.Standalone.Commands;

/// <summary><c>probe</c>: one probe now, seen from all sides. No service needs to run.</summary>
internal static class ProbeCommand
{
    /// <summary>What can't be probed as it is asked for (EX_USAGE of sysexits.h).</summary>
    private const int Usage = 64;

    private static readonly Argument<string?> Url = new("URL") { Description = "What to probe: http, https, tcp, tls, dns, icmp, ws, wss, grpc, grpcs", Arity = ArgumentArity.ZeroOrOne };
    private static readonly Option<string?> Target = new("--target") { Description = "Probe this target of the database as it is defined: its id or its key", HelpName = "ID" };
    private static readonly Option<string?> Spec = new("--spec") { Description = "A definition as the API takes it, as JSON or the file that holds it; options given beside it win", HelpName = "JSON|FILE" };
    private static readonly Option<string?> Regex = new("--regex") { Description = "Regular expression that the body, the dialogue or the records must match", HelpName = "REGEX" };
    private static readonly Option<string?> Timeout = new("--timeout") { Description = "Limit for the whole probe, up to 60s. Default: 10s", HelpName = "DURATION" };
    private static readonly Option<string?> LatencyLimit = new("--latency-limit") { Description = "Degraded when the whole probe takes longer", HelpName = "DURATION" };
    private static readonly Option<bool> Json = new("--json") { Description = "One JSON object instead of the picture; its fields are in docs/probe.md" };

    public static Command Create()
    {
        // A list has one --option for each of its entries.
        var options = OptionColumns.All.ToDictionary(c => c.Name, c => new Option<string[]>($"--{c.Name}") { Hidden = true, Arity = ArgumentArity.OneOrMore });
        var data = Database.DataOption();
        var command = new Command("probe", $"""
            Probe a URL once, now, and show every phase of it. Exit code: 0 up, 1 degraded, 2 down, 3 the collector's own trouble, 64 a mistake in the call.
              dac probe https://example.org
              dac probe https://example.org/api --http.method POST --http.body '[]' --http.status 2xx,409 --json
              dac probe tcp://mail.example.org:25 --tcp.startTls smtp --tls.minDays 14
              dac probe 'dns://9.9.9.9/example.org?type=AAAA' --dns.answerMatches '2001:db8::'
              dac probe --target 17
            Options of the schemes, as in docs/targets.md; a list has one for each entry, a header is 'Name: value':
            {string.Join('\n', OptionColumns.All.GroupBy(c => c.Options).Select(g => $"  {string.Join(' ', g.Select(c => $"--{c.Name}"))}"))}
            The collector's settings hold, such as --Collector:DeniedNetworks=10.0.0.0/8 (docs/configuration.md).
            """)
        { Url, Target, Spec, Regex, Timeout, LatencyLimit, Json, data };
        foreach (var option in options.Values)
            command.Add(option);
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(async (parsed, cancellationToken) =>
        {
            try
            {
                Given(parsed);
                var definition = Merge(await BaseAsync(parsed, parsed.GetValue(data), cancellationToken), parsed, options);
                return await ProbeAsync(definition, parsed, cancellationToken);
            }
            catch (Exception e) when ((e is UsageException ? e.Message : DacHost.Refusal(e)) is { } reason)
            {
                Database.Errors.WriteLine(reason);
                return Usage;
            }
            // The parser's own code for a bug (1) would read as degraded.
            catch (Exception e)
            {
                Database.Errors.WriteException(e);
                return 3;
            }
        });
        return command;
    }

    /// <summary>The exit code of a mistake in a call: the parser's own (1) would read as degraded here.</summary>
    public static int MistakeCode(ParseResult parsed) => parsed.CommandResult.Command.Name == "probe" ? Usage : 1;

    // The parser takes the first word that it does not know for the URL, also a setting that comes before it, or a misspelt option.
    private static (string? Url, string[] Settings) Given(ParseResult parsed)
    {
        var words = parsed.UnmatchedTokens.Prepend(parsed.GetValue(Url)).OfType<string>().ToLookup(CommandLine.IsSetting);
        string[] others = [.. words[false]];
        return (others.FirstOrDefault(o => o.StartsWith('-')) ?? others.ElementAtOrDefault(1)) is { } unknown
            ? throw new UsageException($"'{CommandLine.Shown(unknown)}' is not an option. See dac probe --help; settings are given as --Section:Key=value.")
            : (others.FirstOrDefault(), [.. words[true]]);
    }

    // What the options are laid over: a stored target, a definition as JSON, or nothing.
    private static async Task<TargetDefinition> BaseAsync(ParseResult parsed, DirectoryInfo? data, CancellationToken cancellationToken)
    {
        if (parsed.GetValue(Target) is { } target)
            return parsed.GetValue(Spec) is null ? await StoredAsync(target, data, cancellationToken) : throw new UsageException("Give --target or --spec, not both.");
        if (parsed.GetValue(Spec) is not { } spec)
            return new TargetDefinition();
        try
        {
            if (!spec.TrimStart().StartsWith('{'))
                spec = await File.ReadAllTextAsync(spec, cancellationToken);
            return JsonSerializer.Deserialize(spec, TargetJson.Default.TargetDefinition) ?? throw new UsageException("--spec is null: give a definition like {\"url\": \"https://example.org\"}.");
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"--spec can't be read: {e.Message}");
        }
    }

    private static async Task<TargetDefinition> StoredAsync(string target, DirectoryInfo? data, CancellationToken cancellationToken)
    {
        TargetDefinition? definition = null;
        var code = await Database.UseAsync(data, create: false, async services =>
        {
            await using var db = await services.GetRequiredService<IDbContextFactory<DacDbContext>>().CreateDbContextAsync(cancellationToken);
            var byId = long.TryParse(target, CultureInfo.InvariantCulture, out var number) ? number : -1;
            var row = await db.Targets.AsNoTracking().Where(t => t.DeletedAt == null && (t.Key == target || t.Id == byId)).OrderBy(t => t.Key != target).FirstOrDefaultAsync(cancellationToken);
            definition = row is null ? null : TargetStore.ReadSpecOrUrl(row.Spec, row.Url);
            return 0;
        }, cancellationToken);
        return definition ?? throw new UsageException(code == 0 ? $"There is no target '{target}'. List them with: dac targets" : "The target could not be read.");
    }

    private static TargetDefinition Merge(TargetDefinition definition, ParseResult parsed, Dictionary<string, Option<string[]>> options)
    {
        var given = options.Select(o => (o.Key, Value: parsed.GetValue(o.Value))).Where(o => o.Value is { Length: > 0 }).ToList();
        var errors = new List<string>();
        var over = OptionColumns.Read(
            [.. given.Select(g => g.Key)], [.. given.Select(g => string.Join('\n', g.Value!))], (field, value, problem, fix) => errors.Add($"--{field} '{value}': {problem}; {fix}"));
        if (errors.Count > 0)
            throw new UsageException(string.Join(Environment.NewLine, errors));
        var json = JsonSerializer.SerializeToNode(definition, TargetJson.Default.TargetDefinition)!.AsObject();
        foreach (var (record, value) in JsonSerializer.SerializeToNode(over, TargetJson.Default.TargetDefinition)!.AsObject())
        {
            if (json[record] is not JsonObject fields)
                json[record] = fields = [];
            foreach (var (name, field) in value!.AsObject())
                fields[name] = field!.DeepClone();
        }
        definition = json.Deserialize(TargetJson.Default.TargetDefinition)!;
        return definition with
        {
            Url = Given(parsed).Url ?? definition.Url,
            Regex = parsed.GetValue(Regex) ?? definition.Regex,
            Timeout = parsed.GetValue(Timeout) ?? definition.Timeout,
            LatencyLimit = parsed.GetValue(LatencyLimit) ?? definition.LatencyLimit,
            // When it is due does not matter to one probe, but for the timeout that comes of it where none is given.
            Interval = (parsed.GetValue(Timeout) ?? definition.Timeout) is null && definition.Interval is { } interval ? interval : "60s",
            Cron = null,
            TimeZone = null,
            Tolerance = null,
        };
    }

    private static async Task<int> ProbeAsync(TargetDefinition definition, ParseResult parsed, CancellationToken cancellationToken)
    {
        var (target, errors) = TargetValidator.Validate(definition);
        if (target is null)
            throw new UsageException(string.Join(Environment.NewLine, errors));
        using var host = Build(Given(parsed).Settings);
        var time = host.Services.GetRequiredService<TimeProvider>();
        var probe = target.Onto(new ProbeUrl
        {
            TargetId = 0,
            ScheduledAtMs = time.GetUtcNow().ToUnixTimeMilliseconds(),
            Url = target.Url,
            TimeoutMs = target.TimeoutMs,
            ToleranceMs = 0,
            Regex = target.Regex,
            LatencyLimitMs = target.LatencyLimitMs,
        });
        var scheme = new Uri(target.Url).Scheme;
        var prober = host.Services.GetServices<IProber>().First(p => p.Schemes.Contains(scheme));
        await ProbeWarmUp.RunAsync(prober, probe, time);
        var details = new ProbeDetails();
        var measurement = new Measurement(time) { Details = details };
        using (var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken))
        {
            timeout.CancelAfter(probe.TimeoutMs);
            await prober.ProbeAsync(probe, measurement, timeout.Token);
        }
        cancellationToken.ThrowIfCancellationRequested();
        var result = measurement.ToResult(probe, 0, ProbeRemarks.None);
        if (parsed.GetValue(Json))
            ProbeView.WriteJson(target.Url, result, details);
        else
            ProbeView.Print(target.Url, result, details, time.GetUtcNow());
        return result.Outcome.Class() == OutcomeClass.Executed ? (int)result.Outcome.Health() - 1 : 3;
    }

    private static IHost Build(string[] settings)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Configuration.SetBasePath(AppContext.BaseDirectory).AddJsonFile("appsettings.json", optional: true).AddEnvironmentVariables().AddCommandLine(settings);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.AddCheckedOptions<CollectorOptions>("Collector");
        builder.Services.AddProbing();
        return builder.Build();
    }

    private sealed class UsageException(string message) : Exception(message);
}
