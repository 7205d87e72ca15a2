using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Dac.Storage;

/// <summary>Ready when the database answers within 2 s and has its schema.</summary>
internal sealed class DatabaseHealth(IDbContextFactory<DacDbContext> contexts, DatabaseMigrator migrator, DatabaseString database) : IHealthCheck
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            await using var db = await contexts.CreateDbContextAsync(limit.Token);
            await db.Database.OpenConnectionAsync(limit.Token);
            await db.Database.ExecuteSqlRawAsync("SELECT 1", limit.Token);
            return migrator.IsReady ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy($"{database} is being migrated");
        }
        catch (Exception e) when (e is DbException or OperationCanceledException or InvalidOperationException)
        {
            return HealthCheckResult.Unhealthy($"{database} does not answer: {e.Message}");
        }
    }
}
