namespace DistributedGpt.Engine;

/// <summary>How long a coordinator waits for what.</summary>
public sealed record CoordinatorOptions
{
    /// <summary>
    /// How long a step may take once it is the oldest in flight. Give 10 times what is predicted for it, at least 10 s. It is a
    /// bound for steps that hang, not for slow ones: after each time-out it is doubled until a step completes, so that a step that is
    /// slower than predicted ends at last.
    /// </summary>
    public Func<StepBatch, TimeSpan> StepTimeout { get; init; } = _ => TimeSpan.FromSeconds(10);

    /// <summary>The same while no step of this coordinator has completed: code is compiled and weights are paged in meanwhile.</summary>
    public TimeSpan FirstStepTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long the stages may take to follow a new epoch; each first ends the step that it runs.</summary>
    public TimeSpan AttachTimeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long serving waits for the last part of a migration's copies, before it goes on without the migration.</summary>
    public TimeSpan CopyTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long requests wait while layers have no place, before they end with the reason.</summary>
    public TimeSpan PlacePatience { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The pause before the next try when a new epoch could not be had, or a stage did not follow.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>How long a coordinator that another one replaced stays away, so that the two do not chase each other.</summary>
    public TimeSpan FencedPause { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A subscription that asks for nothing for so long loses its requests (after at most twice this time).</summary>
    public TimeSpan SubscriptionSilence { get; init; } = TimeSpan.FromSeconds(10);
}
