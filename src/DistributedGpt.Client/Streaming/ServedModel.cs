using System.Runtime.CompilerServices;
using System.Threading.Channels;
using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Client;

/// <inheritdoc cref="IServedModel"/>
internal sealed class ServedModel(ModelInfo info, IModelGrain grain, Func<string, Subscription> subscribe) : IServedModel
{
    /// <inheritdoc/>
    public ModelInfo Info => info;

    /// <inheritdoc/>
    public Tokenizer Tokenizer { get; } = Tokenizer.Parse(info.TokenizerJson);

    /// <inheritdoc/>
    public async IAsyncEnumerable<CompletionChunk> GenerateAsync(
        GenerateRequest request, IReadOnlyList<string> stopStrings, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        string coordinator = await grain.Route(request.PromptIds.Length).WaitAsync(cancellationToken);
        Subscription subscription = subscribe(coordinator);
        ChannelReader<TokenEvent> tokens = subscription.Open(request);
        try
        {
            var texts = new StreamingDecoder?[request.Completions];
            for (int i = 0; i < texts.Length; i++) texts[i] = new StreamingDecoder(Tokenizer, request.PromptIds);
            int open = texts.Length;
            await foreach (TokenEvent token in tokens.ReadAllAsync(cancellationToken))
            {
                int completion = token.Sequence.Completion;
                if (texts[completion] is not { } text) continue;
                string piece = (token.IsStopToken ? "" : text.Push(token.Id)) + (token.FinishReason == FinishReason.None ? "" : text.Flush());
                var chunk = new CompletionChunk(completion, piece, token.IsStopToken ? [] : [new GeneratedToken(token.Id, token.Logprobs)], token.FinishReason);
                yield return chunk;
                if (chunk.Finish == FinishReason.None) continue;
                texts[completion] = null;
                if (--open == 0) yield break;
            }
        }
        finally
        {
            subscription.Close(request.Id);
        }
    }
}
