using Orleans;

namespace DistributedGpt.Engine;

/// <summary>
/// One step of a replica: a ragged batch of rows that goes through all of its stages. Rows are numbered in the order of
/// <see cref="Sequences"/>; the hidden states of a step are <c>[rows, hidden]</c>.
/// </summary>
[GenerateSerializer, Immutable]
public sealed record StepBatch
{
    /// <summary>Positions per block of the paged KV cache.</summary>
    public const int BlockSize = 16;

    /// <summary>The epoch under which the step was made.</summary>
    [Id(0)] public required long Epoch { get; init; }

    /// <summary>Its number within the epoch, from 0; a stage runs the steps of a run in this order.</summary>
    [Id(1)] public required int Number { get; init; }

    /// <summary>
    /// The number of the first step of its run. A run goes through the same stages from beginning to end: those that rebuild their
    /// caches, or all. A stage meets a run only when every earlier one in which it takes part has ended.
    /// </summary>
    [Id(5)] public int FirstOfRun { get; init; }

    /// <summary>The stages that compute the step to rebuild their caches, and nothing is sampled; null: all stages compute it.</summary>
    [Id(6)] public StageRange? Rebuild { get; init; }

    /// <summary>The sequences with their rows.</summary>
    [Id(2)] public required StepSequence[] Sequences { get; init; }

    /// <summary>The blocks that this step fills, with their hashes. Every block that a step writes loses its former hash first.</summary>
    [Id(3)] public BlockFill[] Fills { get; init; } = [];

    /// <summary>
    /// Sequences that have ended or were preempted since the last step: the head forgets their sampler's state, before it looks at
    /// <see cref="Sequences"/>.
    /// </summary>
    [Id(4)] public SequenceId[] Forgotten { get; init; } = [];

    /// <summary>Tokens in the step, one row each.</summary>
    public int RowCount
    {
        get
        {
            int rows = 0;
            foreach (StepSequence sequence in Sequences) rows += sequence.TokenIds.Length;
            return rows;
        }
    }
}
