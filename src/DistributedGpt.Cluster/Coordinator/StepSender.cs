using System.Diagnostics;
using DistributedGpt.Engine;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cluster;

/// <summary>Carries a replica's steps into the stage where they begin, and knows how long steps take through all stages.</summary>
/// <param name="replica">The replica.</param>
/// <param name="stages">Run the steps.</param>
/// <param name="logger">Is told of steps that failed.</param>
internal sealed partial class StepSender(ReplicaKey replica, StageServices stages, ILogger logger)
{
    private readonly StepClock _clock = new();
    private readonly StepMetrics _metrics = new(replica);

    /// <summary>How long a step may take before it counts as hung.</summary>
    public TimeSpan TimeoutOf(StepBatch step) => _clock.TimeoutOf(step);

    /// <summary>Takes a step through its stages and tells the protocol how that ended.</summary>
    /// <param name="batch">The step.</param>
    /// <param name="entry">The stage where it begins.</param>
    /// <param name="protocol">What is told.</param>
    public async Task SendAsync(StepBatch batch, StageSpec entry, CoordinatorProtocol protocol)
    {
        using Activity? activity = StepActivity.Start(replica, batch);
        try
        {
            long started = Stopwatch.GetTimestamp();
            StageRefusal? refusal = await stages[entry.Silo].Execute(replica, new StepMessage(batch, entry.Index, null, StepActivity.TraceParent(activity)));
            if (refusal is null)
            {
                if (batch.Rebuild is null) Observe(batch, Stopwatch.GetElapsedTime(started));
                protocol.StepReturned(batch.Epoch, batch.Number);
            }
            else
            {
                activity?.SetStatus(ActivityStatusCode.Error, $"{refusal.Reason}");
                if (refusal.Reason == RefusalReason.Threw) LogStepThrew(replica, batch.Epoch, batch.Number, batch.Sequences.Length, refusal.Detail);
                protocol.StepFailed(batch.Epoch, batch.Number, refusal);
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            activity?.SetStatus(ActivityStatusCode.Error, e.Message);
            LogStepFailed(e, replica, batch.Epoch, batch.Number);
            protocol.StepFailed(batch.Epoch, batch.Number, null);
        }
    }

    private void Observe(StepBatch batch, TimeSpan elapsed)
    {
        _clock.Observe(batch, elapsed);
        _metrics.Passed(batch, elapsed);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Replica}: step {Number} of epoch {Epoch} failed")]
    private partial void LogStepFailed(Exception exception, ReplicaKey replica, long epoch, int number);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Replica}: step {Number} of epoch {Epoch}, with {Sequences} sequences, threw: {Detail}")]
    private partial void LogStepThrew(ReplicaKey replica, long epoch, int number, int sequences, string? detail);
}
