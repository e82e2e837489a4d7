using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Client;

/// <summary>A model of a cluster, with its tokenizer.</summary>
public interface IServedModel
{
    /// <summary>What the cluster says of it.</summary>
    ModelInfo Info { get; }

    /// <summary>Its tokenizer.</summary>
    Tokenizer Tokenizer { get; }

    /// <summary>
    /// Submits a request and streams the text of its completions, interleaved as they come. The first element comes only after
    /// the request was admitted. Ending the enumeration early, or cancelling, cancels the request. A lost connection or
    /// coordinator is survived: the stream pauses and goes on with the same text.
    /// </summary>
    /// <param name="request">The request; its seed must be set by the caller.</param>
    /// <param name="stopStrings">A completion ends before the first occurrence of any of these.</param>
    /// <param name="cancellationToken">Cancels the request.</param>
    /// <exception cref="RequestRefusedException">The request meets a limit; the message says which, with the numbers.</exception>
    /// <exception cref="GenerationFailedException">The request was given up, since the model threw on it again and again or has no place; what came before it stands.</exception>
    IAsyncEnumerable<CompletionChunk> GenerateAsync(
        GenerateRequest request, IReadOnlyList<string> stopStrings, CancellationToken cancellationToken = default);
}
