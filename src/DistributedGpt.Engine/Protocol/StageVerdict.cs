namespace DistributedGpt.Engine;

/// <summary>What a stage does with a step that arrived.</summary>
public enum StageVerdict
{
    /// <summary>Run it now; <see cref="StageProtocol{TStep}.Finished"/> or <see cref="StageProtocol{TStep}.Failed"/> must follow.</summary>
    Run,

    /// <summary>The stages behind this one rebuild their caches: send them the step's rows from the border log, and compute nothing.</summary>
    Resend,

    /// <summary>An earlier step is missing; the stage keeps this one and hands it out when its turn comes, or when an Attach drops it.</summary>
    Hold,

    /// <summary>The step has run already, or is held: this copy is dropped. Its caller is failed; the first copy's caller gets the result.</summary>
    Duplicate,

    /// <summary>The stage does not serve this step, now or later.</summary>
    Refused,
}
