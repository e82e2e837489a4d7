using Orleans;

namespace DistributedGpt.Engine;

/// <summary>A token that the head chose for a sequence of a step.</summary>
/// <param name="Sequence">Whose token it is.</param>
/// <param name="Position">Its position in the sequence, prompt included.</param>
/// <param name="Id">The token.</param>
/// <param name="Logprobs">Log-probabilities, where asked for.</param>
[GenerateSerializer, Immutable]
public sealed record SampledToken(
    [property: Id(0)] SequenceId Sequence,
    [property: Id(1)] int Position,
    [property: Id(2)] int Id,
    [property: Id(3)] TokenLogprobs? Logprobs = null);
