using System.Diagnostics.Metrics;
using Dac.Hosting;
using Dac.Storage;
using Dac.Storage.Model;
using Microsoft.Extensions.Options;
using Quartz;

namespace Dac.Scheduler;

/// <summary>
/// Closes the ledger, on one scheduler at a time: windows past their time get their counts and what is missing its reason; seconds that nobody planned get
/// their slots as missed(not planned), one by one where the gap is short, as a number where it is long.
/// </summary>
[DisallowConcurrentExecution]
public sealed partial class AuditJob(
    IAuditStore audit, GapPlan gaps, PlanProof proof, ResultBacklog backlog, PlanMemory memory, IOptions<SchedulerOptions> options, ILogger<AuditJob> logger) : IJob
{
    /// <summary>Windows in one transaction; at 60 slots each some 15,000 index look-ups.</summary>
    private const int Windows = 256;

    /// <summary>Transactions in one run: after an outage others get their turns in between.</summary>
    private const int Rounds = 40;

    private const int Gaps = 64;

    /// <summary>What is closed in one transaction: at 1,000 slots/s and 16 partitions 3,750 slots.</summary>
    private static readonly TimeSpan Piece = TimeSpan.FromMinutes(1);

    /// <summary>What was planned from memory reaches beyond a gap's end, and its results come later still.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(15);

    private static readonly Counter<long> Audited = Telemetry.Meter.CreateCounter<long>("dac.slots.audited", "{slot}", "Slots of windows that were closed");
    private static readonly Counter<long> Lost = Telemetry.Meter.CreateCounter<long>("dac.slots.lost", "{slot}", "Slots of which nothing was heard");
    private static readonly Counter<long> NotPlanned = Telemetry.Meter.CreateCounter<long>("dac.slots.not_planned", "{slot}", "Slots that no scheduler was there to plan");

    /// <inheritdoc/>
    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken)
    {
        try
        {
            await proof.RunAsync(cancellationToken);
            // What waits in the broker is not lost. What comes later all the same opens its window again; a broker that does not answer is not waited for.
            var answers = await backlog.LookAsync(cancellationToken);
            if (answers && backlog.Age is null)
                return;
            // Anew each time: it grows while this goes on.
            TimeSpan Age() => answers ? backlog.Age!.Value : TimeSpan.Zero;
            await CloseGapsAsync(Age, numbers: answers, cancellationToken);
            await AuditAsync(Age, cancellationToken);
        }
        catch (Exception e) when (e is TimeoutException || e.IsDatabaseFault())
        {
            LogDatabase(logger, e.Message);
        }
    }

    private async Task AuditAsync(Func<TimeSpan> age, CancellationToken cancellationToken)
    {
        for (var round = 0; round < Rounds; round++)
        {
            if (await audit.AuditAsync(Windows, age(), cancellationToken) is not { Windows: > 0 } closed)
                return;
            Audited.Add(closed.Slots);
            Lost.Add(closed.Lost);
            if (closed.Lost > 0)
                LogLost(logger, closed.Lost, closed.Slots);
        }
    }

    // By a number only where all results are known to be written: a number takes no result that comes later.
    private async Task CloseGapsAsync(Func<TimeSpan> age, bool numbers, CancellationToken cancellationToken)
    {
        foreach (var gap in await audit.OpenGapsAsync(Gaps, cancellationToken))
        {
            if (gap.ToTime.ToUnixTimeMilliseconds() > memory.NowMs - (long)(Grace + age()).TotalMilliseconds)
                continue;
            try
            {
                await CloseGapAsync(gap, numbers, cancellationToken);
            }
            // A gap that can't be closed must not keep the others open, nor the windows.
            catch (Exception e) when (e.IsRefusal())
            {
                LogRefused(logger, gap.Partition, gap.FromTime, gap.ToTime, e.FindDatabaseFault()!.Message);
            }
        }
    }

    private async Task CloseGapAsync(PlanGap gap, bool numbers, CancellationToken cancellationToken)
    {
        // A number will do only where nothing was probed; else piece by piece.
        var isNumber = gap.ToTime - gap.FromTime > options.Value.GapAfter && !await audit.WasProbedAsync(gap, cancellationToken);
        if (isNumber && !numbers)
            return;
        var to = isNumber || gap.ToTime - gap.FromTime <= Piece ? gap.ToTime : gap.FromTime + Piece;
        var piece = new PlanGap { Partition = gap.Partition, FromTime = gap.FromTime, ToTime = to };
        var windows = isNumber ? [] : await gaps.WindowsAsync(piece, cancellationToken);
        var counted = isNumber ? await gaps.CountAsync(gap, null, cancellationToken) : 0;
        var strays = to == gap.ToTime ? await gaps.StraysAsync(gap, cancellationToken) : [];
        NotPlanned.Add(await audit.CloseGapAsync(gap, to, windows, strays, counted, cancellationToken));
    }

    [LoggerMessage(LogLevel.Warning, "{Lost} of {Slots} slots are missed(lost): nothing was heard of them")]
    private static partial void LogLost(ILogger logger, long lost, long slots);

    [LoggerMessage(LogLevel.Error, "The gap of partition {Partition} from {From:O} to {To:O} can't be closed, the database refuses its rows: {Reason}")]
    private static partial void LogRefused(ILogger logger, short partition, DateTimeOffset from, DateTimeOffset to, string reason);

    [LoggerMessage(LogLevel.Warning, "The audit waits for the database: {Reason}")]
    private static partial void LogDatabase(ILogger logger, string reason);
}
