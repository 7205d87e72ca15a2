using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Dac.Storage.Sqlite;

/// <summary>
/// A statement that is run once for each row, by SQLite's own functions: the provider's command looks its parameters up by name, boxes their values and opens
/// a reader each time, which costs more than what SQLite does with the row.
/// </summary>
internal sealed class SqliteStatement : IDisposable
{
    private readonly sqlite3 _database;
    private readonly sqlite3_stmt _statement;
    private int _bound;

    /// <summary>Prepares it.</summary>
    /// <param name="connection">An open one.</param>
    /// <param name="sql">With the parameters <c>?1</c>, <c>?2</c> and so on.</param>
    public SqliteStatement(SqliteConnection connection, string sql)
    {
        _database = connection.Handle!;
        Check(raw.sqlite3_prepare_v2(_database, sql, out _statement));
    }

    /// <summary>Gives the next parameter its value.</summary>
    public SqliteStatement Bind(long? value)
    {
        _bound++;
        Check(value is { } number ? raw.sqlite3_bind_int64(_statement, _bound, number) : raw.sqlite3_bind_null(_statement, _bound));
        return this;
    }

    /// <summary>Gives the next parameter its value.</summary>
    public SqliteStatement Bind(string? value)
    {
        _bound++;
        Check(value is null ? raw.sqlite3_bind_null(_statement, _bound) : raw.sqlite3_bind_text(_statement, _bound, value));
        return this;
    }

    /// <summary>Runs it with what was bound; returns how many rows it has changed.</summary>
    /// <exception cref="SqliteException">SQLite refuses.</exception>
    public int Run()
    {
        _bound = 0;
        try
        {
            Check(raw.sqlite3_step(_statement));
            return raw.sqlite3_changes(_database);
        }
        finally
        {
            _ = raw.sqlite3_reset(_statement);
        }
    }

    /// <summary>Runs it with what was bound; returns the first column of its first row, a number, or null where there is no row.</summary>
    /// <exception cref="SqliteException">SQLite refuses.</exception>
    public long? Read()
    {
        _bound = 0;
        try
        {
            var code = raw.sqlite3_step(_statement);
            if (code == raw.SQLITE_ROW)
                return raw.sqlite3_column_int64(_statement, 0);
            Check(code);
            return null;
        }
        finally
        {
            _ = raw.sqlite3_reset(_statement);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _statement.Dispose();

    private void Check(int code) => SqliteException.ThrowExceptionForRC(code, _database);
}
