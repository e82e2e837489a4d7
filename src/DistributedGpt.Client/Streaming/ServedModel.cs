using System.Runtime.CompilerServices;
using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Client;

/// <inheritdoc cref="IServedModel"/>
internal sealed class ServedModel(ModelInfo info, IModelGrain grain, Func<string, Subscription> subscribe) : IServedModel
{
    private readonly BlockHasher _hasher = new(info.Fingerprint);

    /// <inheritdoc/>
    public ModelInfo Info => info;

    /// <inheritdoc/>
    public Tokenizer Tokenizer { get; } = Tokenizer.Parse(info.TokenizerJson);

    /// <inheritdoc/>
    public async IAsyncEnumerable<CompletionChunk> GenerateAsync(
        GenerateRequest request, IReadOnlyList<string> stopStrings, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        OpenStream stream = Open(request);
        try
        {
            await stream.StartAsync(cancellationToken);
            TextStream?[] texts = [.. Enumerable.Range(0, request.Completions).Select(i => new TextStream(Tokenizer, request, i, stopStrings))];
            int open = texts.Length;
            await foreach (TokenEvent token in stream.Tokens.ReadAllAsync(cancellationToken))
            {
                int completion = token.Sequence.Completion;
                if (token.FinishReason == FinishReason.Error) throw new GenerationFailedException(completion, token.Position, token.Reason);
                if (texts[completion] is not { } text) continue;
                CompletionChunk chunk = token.IsStopToken
                    ? text.End(token.FinishReason)
                    : text.Push(new GeneratedToken(token.Id, token.Logprobs), token.FinishReason);
                if (chunk is { Text: "", Tokens: [], Finish: FinishReason.None }) continue;
                if (chunk.Finish != FinishReason.None)
                {
                    // Before the reader gets it, who may be slow: at a stop string the engine still computes.
                    texts[completion] = null;
                    if (--open == 0) stream.Close();
                    else if (token.FinishReason == FinishReason.None) stream.Stop(completion);
                }

                yield return chunk;
                if (open == 0) yield break;
            }
        }
        finally
        {
            stream.Close();
        }
    }

    private OpenStream Open(GenerateRequest request)
    {
        BlockHash[] prefixes = PromptPrefixes.Of(_hasher, request.CacheSalt, request.PromptIds);
        return new OpenStream(request, async (avoid, cancellationToken) =>
            subscribe(await grain.Route(prefixes, request.Completions, avoid?.Coordinator).WaitAsync(cancellationToken)));
    }
}
