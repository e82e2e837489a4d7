using System.Runtime.CompilerServices;
using DistributedGpt.Client;
using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Gateway.Tests;

/// <summary>The real cluster, whose chunks (counted from 0) can be held back, or made to fail, before they reach the gateway.</summary>
internal sealed class InterceptedClient(IInferenceClient inner, Func<int, CancellationToken, Task> beforeChunk) : IInferenceClient
{
    public Task<IReadOnlyList<ModelInfo>> ListModelsAsync(CancellationToken cancellationToken) => inner.ListModelsAsync(cancellationToken);

    public Task<bool> IsReadyAsync(CancellationToken cancellationToken) => inner.IsReadyAsync(cancellationToken);

    public async Task<IServedModel?> FindModelAsync(string name, CancellationToken cancellationToken) =>
        await inner.FindModelAsync(name, cancellationToken) is { } model ? new Model(model, beforeChunk) : null;

    private sealed class Model(IServedModel inner, Func<int, CancellationToken, Task> beforeChunk) : IServedModel
    {
        public ModelInfo Info => inner.Info;

        public Tokenizer Tokenizer => inner.Tokenizer;

        public async IAsyncEnumerable<CompletionChunk> GenerateAsync(
            GenerateRequest request, IReadOnlyList<string> stopStrings, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            int count = 0;
            await foreach (CompletionChunk chunk in inner.GenerateAsync(request, stopStrings, cancellationToken))
            {
                await beforeChunk(count++, cancellationToken);
                yield return chunk;
            }
        }
    }
}
