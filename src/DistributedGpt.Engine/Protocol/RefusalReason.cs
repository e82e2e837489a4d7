namespace DistributedGpt.Engine;

/// <summary>Why a stage refused a step or an Attach.</summary>
public enum RefusalReason
{
    /// <summary>The stage is attached under another epoch, or under none.</summary>
    Epoch,

    /// <summary>A layer of the stage is not the one that was attached: it was loaded anew and has forgotten its cache.</summary>
    Incarnation,

    /// <summary>An earlier step of this epoch failed in the stage, so its cache has holes until the next Attach.</summary>
    Failed,

    /// <summary>
    /// This step threw in the stage's own computation. Of all that can go wrong with a step only this speaks against what is in
    /// it; a lost call, activation or silo does not.
    /// </summary>
    Threw,
}
