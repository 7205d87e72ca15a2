using k8s.Models;

namespace Dac.SystemTests.Operations;

/// <summary>The kinds of operators, as far as k8s/ uses them: a field that is not here is refused, so compare it with the operator's reference before adding it.</summary>
public static class OperatorKinds
{
    /// <summary>For KubernetesYaml, by version and kind.</summary>
    public static Dictionary<string, Type> Types { get; } = new()
    {
        ["rabbitmq.com/v1beta1/RabbitmqCluster"] = typeof(RabbitmqCluster),
        ["postgresql.cnpg.io/v1/Cluster"] = typeof(PostgresCluster),
        ["keda.sh/v1alpha1/ScaledObject"] = typeof(ScaledObject),
    };
}

/// <summary>A document of an operator's kind.</summary>
public abstract class OperatorKind
{
    public string ApiVersion { get; set; } = "";

    public string Kind { get; set; } = "";

    public V1ObjectMeta Metadata { get; set; } = new();
}

/// <summary>RabbitMQ Cluster Operator 2.</summary>
public sealed class RabbitmqCluster : OperatorKind
{
    public RabbitmqSpec Spec { get; set; } = new();
}

public sealed class RabbitmqSpec
{
    public int Replicas { get; set; }

    public string Image { get; set; } = "";

    public int TerminationGracePeriodSeconds { get; set; }

    public V1ResourceRequirements? Resources { get; set; }

    public RabbitmqPersistence? Persistence { get; set; }

    public RabbitmqConfiguration? Rabbitmq { get; set; }

    public V1Affinity? Affinity { get; set; }

    public RabbitmqOverride? Override { get; set; }
}

public sealed class RabbitmqPersistence
{
    public string? StorageClassName { get; set; }

    public ResourceQuantity? Storage { get; set; }
}

public sealed class RabbitmqConfiguration
{
    public string? AdditionalConfig { get; set; }

    public List<string>? AdditionalPlugins { get; set; }
}

public sealed class RabbitmqOverride
{
    public RabbitmqStatefulSet? StatefulSet { get; set; }
}

public sealed class RabbitmqStatefulSet
{
    public RabbitmqStatefulSetSpec? Spec { get; set; }
}

public sealed class RabbitmqStatefulSetSpec
{
    public V1PodTemplateSpec? Template { get; set; }
}

/// <summary>CloudNativePG 1.</summary>
public sealed class PostgresCluster : OperatorKind
{
    public PostgresSpec Spec { get; set; } = new();
}

public sealed class PostgresSpec
{
    public int Instances { get; set; }

    public string? ImageName { get; set; }

    public int MinSyncReplicas { get; set; }

    public int MaxSyncReplicas { get; set; }

    public PostgresBootstrap? Bootstrap { get; set; }

    public PostgresConfiguration? Postgresql { get; set; }

    public V1ResourceRequirements? Resources { get; set; }

    public PostgresStorage? Storage { get; set; }

    public PostgresStorage? WalStorage { get; set; }

    public PostgresAffinity? Affinity { get; set; }
}

public sealed class PostgresBootstrap
{
    public PostgresInitDb? Initdb { get; set; }
}

public sealed class PostgresInitDb
{
    public string? Database { get; set; }

    public string? Owner { get; set; }
}

public sealed class PostgresConfiguration
{
    public Dictionary<string, string>? Parameters { get; set; }
}

public sealed class PostgresStorage
{
    public string? StorageClass { get; set; }

    public string? Size { get; set; }
}

public sealed class PostgresAffinity
{
    public bool EnablePodAntiAffinity { get; set; }

    public string? TopologyKey { get; set; }

    public string? PodAntiAffinityType { get; set; }
}

/// <summary>KEDA 2.</summary>
public sealed class ScaledObject : OperatorKind
{
    public ScaledObjectSpec Spec { get; set; } = new();
}

public sealed class ScaledObjectSpec
{
    public ScaleTarget ScaleTargetRef { get; set; } = new();

    public int MinReplicaCount { get; set; }

    public int MaxReplicaCount { get; set; }

    public int PollingInterval { get; set; }

    public ScaleFallback? Fallback { get; set; }

    public ScaleAdvanced? Advanced { get; set; }

    public List<ScaleTrigger> Triggers { get; set; } = [];
}

public sealed class ScaleTarget
{
    public string Name { get; set; } = "";
}

public sealed class ScaleFallback
{
    public int FailureThreshold { get; set; }

    public int Replicas { get; set; }
}

public sealed class ScaleAdvanced
{
    public ScaleHpa? HorizontalPodAutoscalerConfig { get; set; }
}

public sealed class ScaleHpa
{
    public V2HorizontalPodAutoscalerBehavior? Behavior { get; set; }
}

public sealed class ScaleTrigger
{
    public string Type { get; set; } = "";

    public string? MetricType { get; set; }

    public Dictionary<string, string> Metadata { get; set; } = [];
}
