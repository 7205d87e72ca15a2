using System.Text.Json;
using BenchmarkDotNet.Attributes;
using Dac.Contracts;

namespace Dac.Benchmarks.Micro;

/// <summary>Messages of 64, as the bus writes and reads them.</summary>
public class BatchBenchmarks
{
    private readonly ProbeBatch _commands = Samples.Commands(64);
    private readonly ProbeResultBatch _results = new() { Location = "default", Collector = "collector-1", ClockOffsetMs = 1, Results = Samples.Results(64) };
    private byte[] _writtenCommands = [];
    private byte[] _writtenResults = [];

    [GlobalSetup]
    public void Write() => (_writtenCommands, _writtenResults) = (WriteCommands(), WriteResults());

    [Benchmark]
    public byte[] WriteCommands() => JsonSerializer.SerializeToUtf8Bytes(_commands, ContractJson.Default.ProbeBatch);

    [Benchmark]
    public object? ReadCommands() => ContractJson.Read(_writtenCommands, ContractJson.Default.ProbeBatch);

    [Benchmark]
    public byte[] WriteResults() => JsonSerializer.SerializeToUtf8Bytes(_results, ContractJson.Default.ProbeResultBatch);

    [Benchmark]
    public object? ReadResults() => ContractJson.Read(_writtenResults, ContractJson.Default.ProbeResultBatch);
}
