using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Text.RegularExpressions;
using Dac.Targets;
using Spectre.Console;

namespace Dac.Standalone.Commands;

/// <summary>The command line: <c>run</c> is what happens when no command is named.</summary>
internal static partial class CommandLine
{
    private static RootCommand Create()
    {
        var root = new RootCommand("""
            DAC, the Distributed Asynchronous Collector: probes URLs at exact intervals and accounts for every check.

            Without a command it runs everything in this process, with its database in ./data:
              dac --import samples/urls.csv
            Then see http://127.0.0.1:8080, or ask from another terminal:
              dac results --last 20
              dac ledger --since 10m
              dac probe https://example.org
            """);
        RunCommand.Configure(root);
        root.Add(RunCommand.Create());
        root.Add(ImportCommand.Create());
        root.Add(ExportCommand.Create());
        root.Add(TargetsCommand.Create());
        root.Add(ResultsCommand.Create());
        root.Add(LedgerCommand.Create());
        root.Add(ParkedCommand.Create());
        root.Add(ProbeCommand.Create());
        return root;
    }

    /// <summary>Runs what a command line says; returns the exit code.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        // A word with @ is a word, and no file of further ones.
        var parsed = Create().Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (Mistake(parsed) is { } mistake)
        {
            Database.Errors.WriteLine(mistake);
            return ProbeCommand.MistakeCode(parsed);
        }
        // The host has its own handling of signals, with the time that a clean stop takes.
        var code = await parsed.InvokeAsync(new() { ProcessTerminationTimeout = null });
        return parsed.Action is ParseErrorAction ? ProbeCommand.MistakeCode(parsed) : code;
    }

    /// <summary>Whether a word has the form of a setting, --Section:Key=value, which <c>run</c> and <c>probe</c> take.</summary>
    public static bool IsSetting(string word) => Setting().IsMatch(word);

    // What was given and would be passed over, in a sentence: the parser takes what is left over, under a root that takes it, and an option of another command before this
    // one. Of what is left over, commands that take settings look themselves.
    private static string? Mistake(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        if (parsed.Action != command.Action)
            return null;
        var name = command.Name;
        for (var above = parsed.CommandResult.Parent as CommandResult; above is not null; above = above.Parent as CommandResult)
        {
            if (above.Command is not RootCommand)
                name = $"{above.Command.Name} {name}";
            if (above.Children.OfType<OptionResult>().FirstOrDefault(o => !o.Implicit) is { } option)
                return $"{option.IdentifierToken?.Value} stands before the command, and is not its option there: write it behind, dac {name} {option.IdentifierToken?.Value}";
        }
        return command.TreatUnmatchedTokensAsErrors && parsed.UnmatchedTokens is [var unknown, ..] ? $"'{Shown(unknown)}' is not an option of dac {name}. See: dac {name} --help" : null;
    }

    /// <summary>A word that is refused, without what may be a password in it.</summary>
    public static string Shown(string word) => word.IndexOf('=', StringComparison.Ordinal) is > 0 and var end ? word[..end] : UserInfo.Masked(word);

    // The key ends before the value begins, which may have colons of its own.
    [GeneratedRegex(@"^--(?:[A-Za-z]\w*:[^=/\s]+|OTEL_\w+)=")]
    private static partial Regex Setting();
}
