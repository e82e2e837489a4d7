using Orleans;

namespace DistributedGpt.Engine;

/// <summary>A token that the head chose for a sequence of a step.</summary>
/// <param name="Sequence">Whose token it is.</param>
/// <param name="Position">Its position in the sequence, prompt included.</param>
/// <param name="Id">The token; <see cref="None"/> where none could be chosen.</param>
/// <param name="Logprobs">Log-probabilities, where asked for.</param>
[GenerateSerializer, Immutable]
public sealed record SampledToken(
    [property: Id(0)] SequenceId Sequence,
    [property: Id(1)] int Position,
    [property: Id(2)] int Id,
    [property: Id(3)] TokenLogprobs? Logprobs = null)
{
    /// <summary>Stands for the token where no logit is a number, so that no token is possible.</summary>
    public const int None = -1;
}
