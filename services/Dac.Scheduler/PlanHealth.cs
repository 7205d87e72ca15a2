using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Dac.Scheduler;

/// <summary>Ready while ticks succeed, with the database or without it.</summary>
public sealed class PlanHealth(TimeProvider time) : IHealthCheck
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private long? _last;
    private string? _reason;
    private bool _fromMemory;

    /// <summary>A tick has ended well; true for the first after one that has not.</summary>
    public bool Succeeded()
    {
        var first = _reason is not null;
        (_last, _reason, _fromMemory) = (time.GetTimestamp(), null, false);
        return first;
    }

    /// <summary>A tick goes on without the database; true for the first of a row.</summary>
    public bool SucceededFromMemory()
    {
        var first = !_fromMemory;
        (_last, _fromMemory) = (time.GetTimestamp(), true);
        return first;
    }

    /// <summary>A tick has failed; true for the first of a row.</summary>
    public bool Failed(string reason)
    {
        var first = _reason is null;
        _reason = reason;
        return first;
    }

    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (_last is not { } last)
            return Task.FromResult(HealthCheckResult.Unhealthy($"nothing planned yet: {_reason ?? "starting"}"));
        var since = time.GetElapsedTime(last);
        if (since >= Limit)
            return Task.FromResult(HealthCheckResult.Unhealthy($"nothing planned for {since.TotalSeconds:F0} s: {_reason ?? "see the log"}"));
        return Task.FromResult(_reason is null ? HealthCheckResult.Healthy() : HealthCheckResult.Degraded(_fromMemory ? $"planning without the database: {_reason}" : _reason));
    }
}
