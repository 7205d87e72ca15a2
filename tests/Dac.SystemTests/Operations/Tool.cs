using System.Diagnostics;

namespace Dac.SystemTests.Operations;

/// <summary>A program of the machine: missing, it skips a test on a laptop and fails it where CI=true.</summary>
internal static class Tool
{
    /// <summary>Folder of the repository.</summary>
    public static string Root { get; } = FindRoot();

    public static void Require(string program)
    {
        if ((Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, program))))
            return;
        if (Environment.GetEnvironmentVariable("CI") == "true")
            Assert.Fail($"{program} is not installed.");
        Assert.Skip($"{program} is not installed.");
    }

    /// <summary>Runs it to its end; standard output and error in one.</summary>
    public static async Task<(int Code, string Output)> RunAsync(string program, params string[] arguments)
    {
        Require(program);
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Root })!;
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, output + await error);
    }

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Dac.Microservices.sln")))
            folder = Path.GetDirectoryName(folder)!;
        return folder;
    }
}
