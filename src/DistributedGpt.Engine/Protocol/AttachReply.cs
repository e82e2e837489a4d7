using Orleans;

namespace DistributedGpt.Engine;

/// <summary>A stage's answer to Attach.</summary>
[GenerateSerializer, Immutable]
public sealed record AttachReply
{
    /// <summary>Why the stage does not follow; null when it does.</summary>
    [Id(0)] public StageRefusal? Refusal { get; init; }

    /// <summary>The incarnations of the stage's layers, in order.</summary>
    [Id(1)] public long[] Incarnations { get; init; } = [];

    /// <summary>The full blocks that all layers of the stage hold, with their hashes, by ascending block.</summary>
    [Id(2)] public BlockFill[] Blocks { get; init; } = [];

    /// <summary>
    /// The blocks of whose written positions the border log behind the stage has every row, ascending; none behind the last stage.
    /// </summary>
    [Id(3)] public int[] Logged { get; init; } = [];
}
