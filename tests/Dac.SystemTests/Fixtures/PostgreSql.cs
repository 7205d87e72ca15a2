using Dac.SystemTests.Fixtures;
using Npgsql;
using Testcontainers.PostgreSql;

[assembly: AssemblyFixture(typeof(PostgreSql))]

namespace Dac.SystemTests.Fixtures;

/// <summary>One PostgreSQL for the whole assembly; each test has a database of its own in it.</summary>
public sealed class PostgreSql : LoopbackContainer<PostgreSqlContainer>
{
    private readonly int _port = FreePort();

    /// <summary>Makes an empty database and returns its connection string.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var server = (await ContainerAsync()).GetConnectionString();
        var name = $"test_{Guid.CreateVersion7():N}";
        await ExecuteAsync(server, $"CREATE DATABASE {name}");
        return new NpgsqlConnectionStringBuilder(server) { Host = "127.0.0.1", Database = name }.ConnectionString;
    }

    /// <summary>Drops a database, whoever is connected to it. Optional: the container goes with all of them.</summary>
    public async Task DropDatabaseAsync(string connectionString) =>
        await ExecuteAsync((await ContainerAsync()).GetConnectionString(), $"DROP DATABASE {new NpgsqlConnectionStringBuilder(connectionString).Database} WITH (FORCE)");

    // Testcontainers turns synchronous_commit off, with which a killed server forgets what it has confirmed. Every test has pools of its own, which
    // keep idle connections for minutes: hence so many.
    protected override PostgreSqlContainer Build() => new PostgreSqlBuilder("postgres:17")
        .WithPortBinding(_port, PostgreSqlBuilder.PostgreSqlPort)
        .WithCommand("-c", "synchronous_commit=on", "-c", "max_connections=500")
        .WithLabel("dac.tests", "true") // by which test.sh finds what a killed run left behind
        .WithCreateParameterModifier(OnLoopback)
        .Build();

    protected override async Task ReadyAsync(PostgreSqlContainer container)
    {
        var server = new NpgsqlConnectionStringBuilder(container.GetConnectionString()) { Pooling = false, Timeout = 2 }.ConnectionString;
        await Poll.UntilAsync("PostgreSQL answers", async () =>
        {
            try
            {
                await using var connection = new NpgsqlConnection(server);
                await connection.OpenAsync(Cancel);
                return true;
            }
            catch (NpgsqlException)
            {
                return false;
            }
        }, TimeSpan.FromMinutes(2));
    }

    private static async Task ExecuteAsync(string server, string sql)
    {
        await using var connection = new NpgsqlConnection(server);
        await connection.OpenAsync();
#pragma warning disable CA2100 // names are made above
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }
}
