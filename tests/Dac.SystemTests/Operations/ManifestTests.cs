using System.Globalization;
using System.Text.RegularExpressions;
using Dac.Hosting;
using k8s;
using k8s.Models;

namespace Dac.SystemTests.Operations;

/// <summary>k8s/, offline: rendered by kubectl, each document read strictly as its kind, and what must agree across documents.</summary>
public sealed partial class ManifestTests
{
    public static TheoryData<string> Overlays => ["local", "production", "custom-metrics", "keda"];

    /// <summary>Secrets that operators, cert-manager or the user make, and their keys.</summary>
    private static readonly Dictionary<string, string[]> MadeElsewhere = new()
    {
        ["dac-rabbitmq-default-user"] = ["connection_string"],
        ["dac-postgres-app"] = ["password"],
        ["dac-web-tls"] = [],
    };

    [Theory]
    [MemberData(nameof(Overlays))]
    public async Task Every_document_is_what_its_kind_allows(string overlay)
    {
        var documents = await ReadAsync(overlay);
        Assert.True(documents.Count > 30, $"{documents.Count} documents");
        Assert.DoesNotContain(documents.GroupBy(d => (d.GetType(), Name(d))), g => g.Count() > 1);
        Assert.Contains(documents, d => d is V1Job);
    }

    [Theory]
    [InlineData("terminationGracePeriodSeconds:", "terminationGracePeriod:")]
    [InlineData("containerPort:", "containerport:")]
    [InlineData("minReplicas: 2", "minReplicas: two")]
    [InlineData("additionalConfig:", "additionalConf:")]
    [InlineData("instances: 3", "instance: 3")]
    public async Task A_wrong_field_is_refused(string right, string wrong)
    {
        var text = await RenderAsync("production");
        Assert.Contains(right, text, StringComparison.Ordinal);
        Assert.ThrowsAny<Exception>(() => Read(new Regex(Regex.Escape(right)).Replace(text, wrong, 1)));
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public async Task Selectors_find_their_pods_and_ports_their_containers(string overlay)
    {
        var documents = await ReadAsync(overlay);
        var pods = Pods(documents);
        Assert.All(documents.OfType<V1Deployment>(), d => Assert.True(Matches(d.Spec.Selector.MatchLabels, d.Spec.Template.Metadata.Labels), Name(d)));
        Assert.All(documents.OfType<V1StatefulSet>(), s => Assert.True(Matches(s.Spec.Selector.MatchLabels, s.Spec.Template.Metadata.Labels), Name(s)));
        foreach (var service in documents.OfType<V1Service>())
        {
            var pod = Assert.Single(pods, p => Matches(service.Spec.Selector, p.Metadata.Labels));
            var ports = pod.Spec.Containers.SelectMany(c => c.Ports ?? []).ToList();
            Assert.All(service.Spec.Ports, p => Assert.Contains(ports, c => c.Name == p.TargetPort.Value && c.ContainerPort == p.Port));
        }
        Assert.All(documents.OfType<V1PodDisruptionBudget>().Where(b => Name(b) != "dac-rabbitmq"), b => Assert.Single(pods, p => Matches(b.Spec.Selector.MatchLabels, p.Metadata.Labels)));
        Assert.All(documents.OfType<V2HorizontalPodAutoscaler>(), h => Assert.Contains(documents.OfType<V1Deployment>(), d => Name(d) == h.Spec.ScaleTargetRef.Name));
        Assert.All(documents.OfType<ScaledObject>(), s => Assert.Contains(documents.OfType<V1Deployment>(), d => Name(d) == s.Spec.ScaleTargetRef.Name));
        Assert.Equal(1, documents.OfType<V2HorizontalPodAutoscaler>().Count() + documents.OfType<ScaledObject>().Count());
        Assert.All(documents.OfType<V1Ingress>().SelectMany(i => i.Spec.Rules).SelectMany(r => r.Http.Paths), p =>
            Assert.Contains(documents.OfType<V1Service>().Single(s => Name(s) == p.Backend.Service.Name).Spec.Ports, port => port.Name == p.Backend.Service.Port.Name));
        foreach (var policy in documents.OfType<V1NetworkPolicy>().Where(p => p.Spec.PodSelector.MatchExpressions is not null))
            Assert.All(policy.Spec.PodSelector.MatchExpressions.SelectMany(e => e.Values), v => Assert.Contains(pods, p => p.Metadata.Labels["app.kubernetes.io/name"] == v));
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public async Task Settings_secrets_and_volumes_are_there_and_every_variable_is_documented(string overlay)
    {
        var documents = await ReadAsync(overlay);
        var settings = await File.ReadAllTextAsync(Path.Combine(Tool.Root, "docs/configuration.md"), TestContext.Current.CancellationToken);
        var maps = documents.OfType<V1ConfigMap>().ToDictionary(Name, m => m.Data.Keys);
        var template = KubernetesYaml.Deserialize<V1Secret>(await File.ReadAllTextAsync(Path.Combine(Tool.Root, "k8s/base/secret.example.yaml"), TestContext.Current.CancellationToken), strict: true);
        var secrets = documents.OfType<V1Secret>().ToDictionary(Name, s => (s.Data?.Keys ?? []).Concat(s.StringData?.Keys ?? []).ToList());
        secrets.TryAdd(Name(template), [.. template.StringData.Keys]);
        foreach (var (name, keys) in MadeElsewhere)
            secrets.TryAdd(name, [.. keys]);
        var operators = documents.OfType<RabbitmqCluster>().SelectMany(r => r.Spec.Override!.StatefulSet!.Spec!.Template!.Spec.Volumes);
        Assert.All(operators, v => Assert.Contains(v.ConfigMap.Name, maps.Keys));
        foreach (var pod in Pods(documents))
        {
            var own = pod.Metadata.Labels["app.kubernetes.io/name"] is not ("dac-rabbitmq" or "dac-postgres");
            Assert.All((pod.Spec.Volumes ?? []).Where(v => v.ConfigMap is not null), v => Assert.Contains(v.ConfigMap.Name, maps.Keys));
            foreach (var container in pod.Spec.Containers)
            {
                Assert.All(container.EnvFrom ?? [], e => Assert.All(maps[e.ConfigMapRef.Name], key => Assert.Contains($"`{key}`", settings, StringComparison.Ordinal)));
                Assert.All((container.Env ?? []).Select(e => e.ValueFrom?.ConfigMapKeyRef).OfType<V1ConfigMapKeySelector>(), k => Assert.Contains(k.Key, maps[k.Name]));
                Assert.All((container.Env ?? []).Select(e => e.ValueFrom?.SecretKeyRef).OfType<V1SecretKeySelector>(), k => Assert.Contains(k.Key, secrets[k.Name]));
                var volumes = (pod.Spec.Volumes ?? []).Select(v => v.Name).Concat(documents.OfType<V1StatefulSet>().SelectMany(s => s.Spec.VolumeClaimTemplates ?? []).Select(c => c.Metadata.Name)).ToList();
                Assert.All(container.VolumeMounts, m => Assert.Contains(m.Name, volumes));
                // A variable is a setting, or what one is put together from, and then stands before it.
                var known = new HashSet<string>();
                foreach (var variable in container.Env ?? [])
                {
                    Assert.All(Reference().Matches(variable.Value ?? ""), m => Assert.Contains(m.Groups[1].Value, known));
                    known.Add(variable.Name);
                    if (own && !container.Env!.Any(e => e.Value?.Contains($"$({variable.Name})", StringComparison.Ordinal) == true))
                        Assert.Contains($"`{variable.Name}`", settings, StringComparison.Ordinal);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public async Task Every_pod_is_restricted_bounded_and_given_time_to_stop(string overlay)
    {
        var documents = await ReadAsync(overlay);
        foreach (var pod in Pods(documents))
        {
            Assert.True(pod.Spec is { AutomountServiceAccountToken: false, SecurityContext: { RunAsNonRoot: true, SeccompProfile.Type: "RuntimeDefault" } }, Name(pod));
            Assert.All(pod.Spec.Containers, c =>
            {
                Assert.True(c.SecurityContext is { AllowPrivilegeEscalation: false, ReadOnlyRootFilesystem: true } && c.SecurityContext.Capabilities.Drop.SequenceEqual(["ALL"]), c.Name);
                Assert.True(c.Resources.Requests.ContainsKey("cpu") && c.Resources.Requests["memory"].ToDecimal() <= c.Resources.Limits["memory"].ToDecimal(), c.Name);
                // Throttled, a process starts its slots late.
                Assert.False(c.Resources.Limits.ContainsKey("cpu"), c.Name);
            });
        }
        foreach (var deployment in documents.OfType<V1Deployment>())
        {
            var spec = deployment.Spec.Template.Spec;
            Assert.True(spec.TerminationGracePeriodSeconds >= DacHost.StopTimeout.TotalSeconds + 15, Name(deployment));
            Assert.Equal(Name(deployment), spec.ServiceAccountName);
            Assert.Contains(documents.OfType<V1ServiceAccount>(), a => Name(a) == spec.ServiceAccountName && a.AutomountServiceAccountToken == false);
            Assert.Equal(2, spec.TopologySpreadConstraints.Count);
            Assert.All(spec.TopologySpreadConstraints, t => Assert.True(Matches(t.LabelSelector.MatchLabels, deployment.Spec.Template.Metadata.Labels)));
            var container = Assert.Single(spec.Containers);
            Assert.Equal(("/health/live", "/health/ready"), (container.LivenessProbe.HttpGet.Path, container.ReadinessProbe.HttpGet.Path));
            Assert.Equal(Name(deployment) == "dac-collector", container.Env.Any(e => e is { Name: "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", Value: "1" }));
            Assert.Equal(Name(deployment) == "dac-collector", container.Env.Any(e => e is { Name: "DOTNET_GCgen0size", Value: "2000000" }));
            Assert.Equal(Name(deployment) == "dac-collector", container.Env.Any(e => e is { Name: "DOTNET_TC_QuickJit", Value: "0" }));
            Assert.DoesNotContain(":latest", container.Image, StringComparison.Ordinal);
        }
        var scaleDown = documents.OfType<V2HorizontalPodAutoscaler>().Select(h => h.Spec.Behavior.ScaleDown)
            .Concat(documents.OfType<ScaledObject>().Select(s => s.Spec.Advanced!.HorizontalPodAutoscalerConfig!.Behavior!.ScaleDown));
        Assert.All(scaleDown.SelectMany(s => s.Policies), p => Assert.True(p is { Type: "Pods", Value: 1, PeriodSeconds: >= 90 }));
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public async Task Where_CPU_is_short_a_collector_has_the_greatest_share_of_all_that_is_deployed_here(string overlay)
    {
        var asked = Pods(await ReadAsync(overlay)).ToLookup(p => Name(p) == "dac-collector", p => p.Spec.Containers.Sum(c => c.Resources.Requests["cpu"].ToDecimal()));
        Assert.All(asked[false], cpu => Assert.True(cpu < Assert.Single(asked[true])));
    }

    private static async Task<string> RenderAsync(string overlay)
    {
        var (code, output) = await Tool.RunAsync("kubectl", "kustomize", $"k8s/overlays/{overlay}");
        Assert.True(code == 0, output);
        return output;
    }

    private static async Task<List<object>> ReadAsync(string overlay) => Read(await RenderAsync(overlay));

    private static List<object> Read(string text) => KubernetesYaml.LoadAllFromString(text, OperatorKinds.Types, strict: true);

    private static List<V1PodTemplateSpec> Pods(List<object> documents) =>
    [
        .. documents.OfType<V1Deployment>().Select(d => d.Spec.Template), .. documents.OfType<V1StatefulSet>().Select(s => s.Spec.Template), .. documents.OfType<V1Job>().Select(j => j.Spec.Template),
    ];

    private static bool Matches(IDictionary<string, string> selector, IDictionary<string, string> labels) =>
        selector.All(s => labels.TryGetValue(s.Key, out var value) && value == s.Value);

    private static string Name(object document) => document switch
    {
        IKubernetesObject<V1ObjectMeta> known => known.Metadata.Name,
        OperatorKind kind => kind.Metadata.Name,
        V1PodTemplateSpec pod => pod.Metadata.Labels["app.kubernetes.io/name"],
        _ => throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"{document.GetType()} has no name"), nameof(document)),
    };

    [GeneratedRegex(@"\$\((\w+)\)")]
    private static partial Regex Reference();
}
