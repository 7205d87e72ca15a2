using System.Reflection;
using Dac.Collector;
using Dac.Collector.Probing;
using Dac.Contracts;
using Dac.Scheduler;
using Dac.Standalone;
using Dac.Storage;
using Dac.Targets;
using Dac.Web;
using Dac.Writer;
using MassTransit;
using Quartz;

namespace Dac.Tests.Shape;

/// <summary>What the tree promises.</summary>
public sealed class ShapeTests
{
    private static readonly Assembly[] Services =
        [typeof(SchedulerModule).Assembly, typeof(CollectorModule).Assembly, typeof(WriterModule).Assembly, typeof(WebModule).Assembly, typeof(StandaloneModule).Assembly];

    internal static readonly string Root = FindRoot();

    [Fact]
    public void Contracts_reference_nothing() => Assert.All(References(typeof(ProbeUrl)), r => Assert.StartsWith("System", r, StringComparison.Ordinal));

    [Fact]
    public void The_collector_knows_no_database() =>
        Assert.DoesNotContain(References(typeof(CollectorModule)), r => r.Contains("Storage", StringComparison.Ordinal) || r.Contains("EntityFramework", StringComparison.Ordinal) || r.StartsWith("Npgsql", StringComparison.Ordinal));

    [Fact]
    public void Services_reference_no_other_service() =>
        Assert.All(Services[..4], s => Assert.DoesNotContain(s.GetReferencedAssemblies(), r => Services.Any(other => other.GetName().Name == r.Name)));

    [Fact]
    public void Every_service_has_the_same_shape() => Assert.All(["Scheduler", "Collector", "Writer", "Web"], name =>
    {
        foreach (var file in new[] { "Program.cs", $"{name}Module.cs", $"{name}Options.cs" })
            Assert.True(File.Exists(Path.Combine(Root, "services", $"Dac.{name}", file)), $"Dac.{name} has no {file}");
    });

    [Fact]
    public void A_program_is_25_lines_at_most() =>
        Assert.All(Directory.GetFiles(Path.Combine(Root, "services"), "Program.cs", SearchOption.AllDirectories), f => Assert.True(File.ReadLines(f).Count() <= 25, f));

    [Fact]
    public void Every_consumer_job_prober_and_option_is_tested()
    {
        var tests = string.Concat(Directory.GetFiles(Path.Combine(Root, "tests"), "*.cs", SearchOption.AllDirectories).Where(f => !f.Contains("/obj/", StringComparison.Ordinal) && !f.EndsWith("ShapeTests.cs", StringComparison.Ordinal)).Select(File.ReadAllText));
        var parts = Services.SelectMany(s => s.GetTypes()).Where(t => !t.IsAbstract && (t.IsAssignableTo(typeof(IJob)) || t.IsAssignableTo(typeof(IProber)) || t.Name.EndsWith("Options", StringComparison.Ordinal)));
        Assert.All(parts, t => Assert.True(tests.Contains(t.Name, StringComparison.Ordinal), $"{t.Name} is in no test"));
    }

    [Fact]
    public void Every_setting_is_documented()
    {
        var page = File.ReadAllText(Path.Combine(Root, "docs", "configuration.md"));
        var options = Services.Append(typeof(TargetStore).Assembly).Append(typeof(Dac.Hosting.TopologyOptions).Assembly).SelectMany(s => s.GetTypes()).Where(t => t.Name.EndsWith("Options", StringComparison.Ordinal) && t.IsPublic);
        foreach (var (section, property) in options.SelectMany(t => t.GetProperties(), (t, p) => (t.Name[..^"Options".Length], p.Name)))
            Assert.True(page.Contains($"`{section}__{property}`", StringComparison.Ordinal), $"docs/configuration.md does not mention {section}__{property}");
    }

    [Fact]
    public void Every_file_that_the_readme_names_is_there()
    {
        var readme = File.ReadAllText(Path.Combine(Root, "README.md"));
        var named = System.Text.RegularExpressions.Regex.Matches(readme, @"\]\(([^)#:]+)\)|`((?:services|shared|samples|docs|tests|infra)/[^`\s]+)`").Select(m => m.Groups[1].Success ? m.Groups[1].Value : m.Groups[2].Value).ToList();
        Assert.NotEmpty(named);
        Assert.All(named, path => Assert.True(Path.Exists(Path.Combine(Root, path)), path));
    }

    [Fact]
    public void The_samples_import()
    {
        foreach (var file in Directory.GetFiles(Path.Combine(Root, "samples"), "*.csv"))
        {
            using var reader = File.OpenText(file);
            var (targets, errors) = TargetCsv.Read(reader);
            Assert.NotEmpty(targets);
            Assert.Empty(errors);
        }
    }

    [Fact]
    public void Consumers_belong_to_the_services_that_the_readme_gives_them_to() =>
        Assert.Equal(["ProbeBatchConsumer", "ProbeResultConsumer"], Services.SelectMany(s => s.GetTypes()).Where(t => !t.IsAbstract && t.IsAssignableTo(typeof(IConsumer))).Select(t => t.Name).Order());

    private static IEnumerable<string> References(Type type) => type.Assembly.GetReferencedAssemblies().Select(r => r.Name!);

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Dac.Microservices.sln")))
            folder = Path.GetDirectoryName(folder)!;
        return folder;
    }
}
