using DistributedGpt.Client;

namespace DistributedGpt.Gateway;

/// <summary>A call of <c>POST /v1/completions</c>, read and checked as far as that goes without the model.</summary>
/// <param name="Model">The model's name.</param>
/// <param name="Requests">One for each prompt, in order; they differ in nothing else.</param>
/// <param name="Stream">Whether the answer is a stream of events.</param>
/// <param name="IncludeUsage">Whether a stream ends with the counts of tokens.</param>
/// <param name="Echo">Whether the text begins with the prompt.</param>
/// <param name="PromptOnly">Whether nothing is to be generated: <c>max_tokens</c> is 0.</param>
internal sealed record CompletionCall(
    string Model, IReadOnlyList<CompletionRequest> Requests, bool Stream, bool IncludeUsage, bool Echo, bool PromptOnly);
