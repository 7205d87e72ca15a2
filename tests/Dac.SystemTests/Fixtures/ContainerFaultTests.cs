using Npgsql;

namespace Dac.SystemTests.Fixtures;

/// <summary>What the fault tests rely on: a server that was stopped, killed or paused is found again where it was, with what it had stored.</summary>
public sealed class ContainerFaultTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task PostgreSQL_comes_back_at_its_port_with_its_rows()
    {
        await using var server = new PostgreSql();
        var database = new NpgsqlConnectionStringBuilder(await server.CreateDatabaseAsync()) { Pooling = false, Timeout = 2, CommandTimeout = 2 }.ConnectionString;
        await ExecuteAsync(database, "CREATE TABLE t (n int)");

        await server.KillAsync();
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => ExecuteAsync(database, "INSERT INTO t VALUES (0)"));
        await server.StartAsync();
        await ExecuteAsync(database, "INSERT INTO t VALUES (1)");
        await server.RestartAsync();
        await ExecuteAsync(database, "INSERT INTO t VALUES (2)");
        await server.PauseAsync();
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => ExecuteAsync(database, "INSERT INTO t VALUES (3)"));
        await server.UnpauseAsync();

        Assert.Equal(2L, await ExecuteAsync(database, "SELECT count(*) FROM t WHERE n IN (1, 2)"));
    }

    [Fact]
    public async Task RabbitMQ_comes_back_at_its_port_with_its_queues()
    {
        await using var server = new RabbitMq();
        await using var vhost = await server.CreateVhostAsync();
        var queue = new Uri(vhost.Path("queues", "q"), UriKind.Relative);
        using var declared = await vhost.Management.PutAsync(queue, new StringContent("""{"durable":true,"arguments":{"x-queue-type":"quorum"}}"""), Cancel);
        declared.EnsureSuccessStatusCode();

        await server.KillAsync();
        await server.StartAsync();

        using var found = await vhost.Management.GetAsync(queue, Cancel);
        found.EnsureSuccessStatusCode();
    }

    private static async Task<object?> ExecuteAsync(string database, string sql)
    {
        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync(Cancel);
#pragma warning disable CA2100 // the constants above
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return await command.ExecuteScalarAsync(Cancel);
    }
}
