using BenchmarkDotNet.Attributes;
using Dac.Benchmarks.Planner;
using Dac.Storage;
using Dac.Storage.Postgres;
using Npgsql;

namespace Dac.Benchmarks.Micro;

/// <summary>1,000 rows in one statement: on SQLite as a whole, for PostgreSQL up to what is handed to its driver.</summary>
public class RowBenchmarks
{
    private readonly List<ResultRow> _rows = Rows(1_750_000_020_000);
    private PlannerDatabase? _database;
    private long _second;

    [GlobalSetup]
    public async Task OpenAsync() => _database = await PlannerDatabase.CreateAsync(new PlannerSettings(0, 1, 16, 60, false), CancellationToken.None);

    [GlobalCleanup]
    public async Task CloseAsync() => await _database!.DisposeAsync();

    /// <summary>New rows each time.</summary>
    [Benchmark]
    public Task<int> Sqlite() => _database!.Get<IResultStore>().WriteAsync(Rows(1_750_000_020_000 + ++_second * 1_000), CancellationToken.None);

    [Benchmark]
    public object Postgres()
    {
        var command = new NpgsqlBatchCommand();
        PostgresResultStore.AddColumns(command, _rows);
        return command;
    }

    private static List<ResultRow> Rows(long startMs) => [.. Samples.Results(1_000, startMs).Select(r => new ResultRow(1, 1, r))];
}
