using System.CommandLine;

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
}
