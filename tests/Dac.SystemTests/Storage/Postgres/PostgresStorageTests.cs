using Dac.SystemTests.Fixtures;
using Dac.SystemTests.Storage.Contract;

namespace Dac.SystemTests.Storage.Postgres;

public sealed class PostgresPlanStoreTests(PostgreSql server) : PlanStoreContract(server.CreateTestDatabaseAsync);

public sealed class PostgresTargetStoreTests(PostgreSql server) : TargetStoreContract(server.CreateTestDatabaseAsync);

public sealed class PostgresNameIdsTests(PostgreSql server) : NameIdsContract(server.CreateTestDatabaseAsync);

public sealed class PostgresAuditTests(PostgreSql server) : AuditContract(server.CreateTestDatabaseAsync);

public sealed class PostgresLedgerTests(PostgreSql server) : LedgerContract(server.CreateTestDatabaseAsync);

public sealed class PostgresCompatibilityViewsTests(PostgreSql server) : CompatibilityViewsContract(server.CreateTestDatabaseAsync);

internal static class PostgresDatabase
{
    public static async Task<TestDatabase> CreateTestDatabaseAsync(this PostgreSql server)
    {
        var connectionString = await server.CreateDatabaseAsync();
        return new(connectionString, async () => await server.DropDatabaseAsync(connectionString));
    }
}
