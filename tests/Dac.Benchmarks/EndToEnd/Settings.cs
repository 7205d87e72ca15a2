namespace Dac.Benchmarks.EndToEnd;

/// <summary>What is run.</summary>
public sealed record Settings
{
    /// <summary>Checks per second that are asked for, of targets that answer.</summary>
    public required int Rate { get; init; }

    /// <summary>Interval of each target in s; as many targets as make the rate.</summary>
    public required int Interval { get; init; }

    /// <summary><c>http</c> or <c>https</c>; the latter with a certificate that is fully verified.</summary>
    public required string Scheme { get; init; }

    /// <summary>Whether connections are kept from probe to probe (<c>reuseConnection</c>).</summary>
    public required bool Reuse { get; init; }

    /// <summary>Number of collectors.</summary>
    public required int Collectors { get; init; }

    /// <summary>CPU weight of the collectors together, as a multiple of what each other process or group has; 1 where they have none of their own.</summary>
    public required int Weight { get; init; }

    /// <summary>One process, in-memory bus and SQLite, instead of three over RabbitMQ and PostgreSQL.</summary>
    public required bool Standalone { get; init; }

    /// <summary>Further targets of that interval, each on a host of its own, that take a connection and never answer.</summary>
    public required int Dead { get; init; }

    /// <summary>Rows that are stored before, in the partition that is written to. PostgreSQL only.</summary>
    public long Stored { get; init; }

    /// <summary>Hosts that the targets are spread over: 127.0.0.1 and following.</summary>
    public required int Hosts { get; init; }

    /// <summary>Before anything is measured, s: compiling, caches, pools.</summary>
    public required int WarmUp { get; init; }

    /// <summary>What is measured, s.</summary>
    public required int Duration { get; init; }

    /// <summary>Folder for what the services wrote, or null.</summary>
    public string? Logs { get; init; }

    /// <summary>Number of targets that answer.</summary>
    public int Targets => Rate * Interval;
}
