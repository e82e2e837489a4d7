namespace DistributedGpt.Client;

/// <summary>
/// The model threw on a request again and again, also where nothing else was computed beside it: it was given up. The reason is in
/// the cluster's log.
/// </summary>
/// <param name="completion">The completion that could not go on.</param>
/// <param name="position">The position of the token that could not be computed, prompt included.</param>
public sealed class GenerationFailedException(int completion, int position)
    : Exception($"The model failed to compute the token at position {position} of completion {completion}, again and again; the request was given up.");
