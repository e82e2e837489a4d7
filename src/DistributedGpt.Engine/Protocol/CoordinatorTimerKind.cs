namespace DistributedGpt.Engine;

/// <summary>What a coordinator's timer is for.</summary>
public enum CoordinatorTimerKind
{
    /// <summary>Tries for an epoch again.</summary>
    Retry,

    /// <summary>Bounds the time that the stages take to attach.</summary>
    Attach,

    /// <summary>Bounds the time of the oldest step in flight.</summary>
    Step,

    /// <summary>Bounds the time for which requests wait while layers have no place.</summary>
    Place,

    /// <summary>Bounds the time for which serving waits for the last part of a copy.</summary>
    Copy,

    /// <summary>Looks whether a subscription is still asked for.</summary>
    Subscription,
}
