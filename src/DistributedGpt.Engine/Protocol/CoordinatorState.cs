namespace DistributedGpt.Engine;

/// <summary>Where a coordinator stands.</summary>
public enum CoordinatorState
{
    /// <summary>Made and not started.</summary>
    New,

    /// <summary>It wants a new epoch: at the start, and after anything went wrong.</summary>
    Raising,

    /// <summary>It has a new epoch and waits for all stages to follow.</summary>
    Attaching,

    /// <summary>Stages that lost their caches compute the live sequences again, from what the stages before them have logged.</summary>
    Rebuilding,

    /// <summary>Steps are on their way.</summary>
    Running,

    /// <summary>Parts of the replica move: the steps in flight end, the copies are finished, nothing is scheduled meanwhile.</summary>
    Draining,

    /// <summary>Another coordinator has taken over: this one does nothing more.</summary>
    Stopped,
}
