namespace DistributedGpt.Engine;

/// <summary>Where a sequence is in its life.</summary>
public enum SequenceState
{
    /// <summary>It holds no blocks: not yet begun, or preempted.</summary>
    Waiting,

    /// <summary>It holds blocks for all of its known tokens and takes part in steps.</summary>
    Running,

    /// <summary>It has ended or was cancelled; nothing more comes of it.</summary>
    Finished,
}
