namespace DistributedGpt.Engine;

/// <summary>Where a stage is among several.</summary>
internal enum StageRole
{
    /// <summary>With the embedding.</summary>
    First,

    /// <summary>With layers alone.</summary>
    Middle,

    /// <summary>With the head.</summary>
    Last,
}
