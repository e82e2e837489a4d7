namespace DistributedGpt.Engine;

/// <summary>Why a completion ended.</summary>
public enum FinishReason
{
    /// <summary>It has not ended.</summary>
    None,

    /// <summary>An end-of-sequence or stop token was chosen, or a stop string appeared.</summary>
    Stop,

    /// <summary>The limit of tokens or the context was reached.</summary>
    Length,

    /// <summary>
    /// The request was given up: the steps that were to compute its next token threw, again and again, no token could be chosen, or
    /// the layers have no place.
    /// </summary>
    Error,
}
