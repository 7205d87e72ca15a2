using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Dac.Storage.Sqlite;

/// <summary>
/// WAL: readers don't wait for the writer. synchronous=NORMAL is safe with it against a crash of the process; a power cut may cost the last
/// transactions, which the ledger then shows as lost. busy_timeout covers another process, such as an import beside a run.
/// </summary>
/// <param name="sql">What is said to a connection that is opened.</param>
internal sealed class SqlitePragmas(string sql = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 30000;") : DbConnectionInterceptor
{
    public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    public override async Task ConnectionOpenedAsync(DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
