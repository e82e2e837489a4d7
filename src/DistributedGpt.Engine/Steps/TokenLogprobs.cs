using Orleans;

namespace DistributedGpt.Engine;

/// <summary>Log-probabilities (natural) under the model's own distribution, before bias, penalties and temperature.</summary>
/// <param name="Chosen">That of the chosen token.</param>
/// <param name="TopIds">The most probable tokens, best first; ties by lower id.</param>
/// <param name="TopLogprobs">Their log-probabilities.</param>
[GenerateSerializer, Immutable]
public sealed record TokenLogprobs(
    [property: Id(0)] float Chosen,
    [property: Id(1)] int[] TopIds,
    [property: Id(2)] float[] TopLogprobs);
