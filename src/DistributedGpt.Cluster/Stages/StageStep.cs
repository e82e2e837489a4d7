using System.Diagnostics;

namespace DistributedGpt.Cluster;

/// <summary>A step in a stage, from its arrival to its end, with the caller that waits for it.</summary>
/// <param name="message">The step.</param>
internal sealed class StageStep(StepMessage message)
{
    private readonly TaskCompletionSource<StageOutput> _output = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The step.</summary>
    public StepMessage Message => message;

    /// <summary>When it came, as a <see cref="Stopwatch"/>'s timestamp.</summary>
    public long Arrived { get; } = Stopwatch.GetTimestamp();

    /// <summary>What comes of it.</summary>
    public Task<StageOutput> Output => _output.Task;

    /// <summary>The stage has run the step, or refused it.</summary>
    public void Complete(StageOutput output) => _output.TrySetResult(output);

    /// <summary>The stage could not run the step.</summary>
    public void Fail(Exception exception) => _output.TrySetException(exception);
}
