using System.CommandLine;
using System.CommandLine.Parsing;

namespace Dac.Standalone.Commands;

/// <summary>The command line: <c>run</c> is what happens when no command is named.</summary>
internal static class CommandLine
{
    public static RootCommand Create()
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

    /// <summary>Whether a word has the form of a setting, --Section:Key=value, which <c>run</c> and <c>probe</c> take.</summary>
    public static bool IsSetting(string word) => word.StartsWith("--", StringComparison.Ordinal) && word.Contains(':') && word.Contains('=');

    /// <summary>What a command was given that it does not know, in a sentence; null where there is nothing such, and of commands that look themselves, since they take settings.</summary>
    /// <remarks>The parser itself takes what is left over, under a root that takes it: a misspelt option would be passed over, and what was not asked for done.</remarks>
    public static string? Unknown(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        if (!command.TreatUnmatchedTokensAsErrors || parsed.Action != command.Action || parsed.UnmatchedTokens is not [var unknown, ..])
            return null;
        var name = parsed.CommandResult.Parent is CommandResult { Command: not RootCommand } parent ? $"{parent.Command.Name} {command.Name}" : command.Name;
        return $"'{unknown}' is not an option of dac {name}. See: dac {name} --help";
    }
}
