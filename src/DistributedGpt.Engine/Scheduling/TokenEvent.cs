using Orleans;

namespace DistributedGpt.Engine;

/// <summary>A token of a completion, as the coordinator hands it on.</summary>
/// <param name="Sequence">Whose token it is.</param>
/// <param name="Position">Its position in the sequence, prompt included.</param>
/// <param name="Id">The token; -1 where the completion ends with <see cref="FinishReason.Error"/> and there is none.</param>
/// <param name="Logprobs">Log-probabilities, where asked for.</param>
/// <param name="FinishReason">Why the completion ends with this token; <see cref="FinishReason.None"/> where it goes on.</param>
/// <param name="IsStopToken">The token ends the completion and is not part of its text: clients don't show it.</param>
/// <param name="Reason">Why the completion ends with <see cref="FinishReason.Error"/>, if not by steps that threw.</param>
[GenerateSerializer, Immutable]
public sealed record TokenEvent(
    [property: Id(0)] SequenceId Sequence,
    [property: Id(1)] int Position,
    [property: Id(2)] int Id,
    [property: Id(3)] TokenLogprobs? Logprobs,
    [property: Id(4)] FinishReason FinishReason,
    [property: Id(5)] bool IsStopToken,
    [property: Id(6)] string? Reason = null);
