using System.Runtime.CompilerServices;

namespace Dac.Tests.Support;

internal static class Quiet
{
    /// <summary>Services under test say only what is wrong; the processes that a test starts inherit it.</summary>
    [ModuleInitializer]
    internal static void Set()
    {
        Environment.SetEnvironmentVariable("Serilog__MinimumLevel__Default", "Error");
        Environment.SetEnvironmentVariable("Serilog__MinimumLevel__Override__Microsoft.Hosting.Lifetime", "Error");
    }
}
