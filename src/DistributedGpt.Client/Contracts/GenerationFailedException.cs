namespace DistributedGpt.Client;

/// <summary>
/// A request was given up: the model threw on it again and again, also where nothing else was computed beside it, and why is in the
/// cluster's log; or there is another reason, which the message tells.
/// </summary>
/// <param name="completion">The completion that could not go on.</param>
/// <param name="position">The position of the token that could not be computed, prompt included.</param>
/// <param name="reason">Why, if not for steps that threw.</param>
public sealed class GenerationFailedException(int completion, int position, string? reason = null)
    : Exception(reason is not null ? $"The request was given up: {reason}" : $"The model failed to compute the token at position {position} of completion {completion}, again and again; the request was given up.");
