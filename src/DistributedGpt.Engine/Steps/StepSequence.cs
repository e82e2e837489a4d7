using Orleans;

namespace DistributedGpt.Engine;

/// <summary>
/// The rows of one sequence in a step: consecutive tokens from <see cref="FirstPosition"/> on, and whether a token is to be
/// sampled after the last of them.
/// </summary>
[GenerateSerializer, Immutable]
public sealed record StepSequence
{
    /// <summary>The sequence.</summary>
    [Id(0)] public required SequenceId Id { get; init; }

    /// <summary>The tokens of this step, <c>[count]</c>, at least one.</summary>
    [Id(1)] public required int[] TokenIds { get; init; }

    /// <summary>The position of the first of them; all earlier positions are in the cache.</summary>
    [Id(2)] public required int FirstPosition { get; init; }

    /// <summary>The blocks that hold positions 0 up to the last of this step, in order.</summary>
    [Id(3)] public required int[] BlockTable { get; init; }

    /// <summary>How to choose the token after the last one; null where none is wanted (a prompt's earlier chunk).</summary>
    [Id(4)] public SamplingOptions? Sampling { get; init; }

    /// <summary>The length of the prompt proper: ids from here on were generated.</summary>
    [Id(5)] public int PromptLength { get; init; }

    /// <summary>
    /// All ids up to and including the last of this step, given where <see cref="SamplingOptions.NeedsHistory"/> and the head
    /// cannot have the sampler's state (first sample, or the first after an Attach); otherwise null and the head advances the state
    /// that it keeps by this step's tokens.
    /// </summary>
    [Id(6)] public int[]? History { get; init; }

    /// <summary>Positions in the cache after this step.</summary>
    public int Length => FirstPosition + TokenIds.Length;
}
