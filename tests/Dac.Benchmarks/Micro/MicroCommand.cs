using System.CommandLine;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace Dac.Benchmarks.Micro;

/// <summary><c>micro</c>: the hot paths one by one, time and allocation.</summary>
internal static class MicroCommand
{
    public static Command Create()
    {
        var filter = new Option<string>("--filter") { Description = "Only those whose full name matches, with * for any text", DefaultValueFactory = _ => "*" };
        var command = new Command("micro", """
            The hot paths one by one, without network: time and allocation.
              micro
              micro --filter '*Batch*'
            """)
        { filter };
        command.SetAction(parsed =>
        {
            BenchmarkSwitcher.FromAssembly(typeof(MicroCommand).Assembly).Run(["--filter", parsed.GetValue(filter)!], Config());
        });
        return command;
    }

    // In this process: it is built for measuring already, and another build would take longer than all measurements.
    private static ManualConfig Config() => ManualConfig.CreateEmpty()
        .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance))
        .AddDiagnoser(MemoryDiagnoser.Default)
        .AddColumnProvider(DefaultColumnProviders.Instance)
        .AddLogger(ConsoleLogger.Default)
        .AddExporter(MarkdownExporter.Console)
        .WithArtifactsPath(Path.Combine(Path.GetTempPath(), "dac-micro"));
}
