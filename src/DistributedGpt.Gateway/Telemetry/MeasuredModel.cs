using System.Runtime.CompilerServices;
using DistributedGpt.Client;
using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Gateway;

/// <summary>A model whose requests are measured.</summary>
internal sealed class MeasuredModel(IServedModel inner) : IServedModel
{
    /// <inheritdoc/>
    public ModelInfo Info => inner.Info;

    /// <inheritdoc/>
    public Tokenizer Tokenizer => inner.Tokenizer;

    /// <inheritdoc/>
    public async IAsyncEnumerable<CompletionChunk> GenerateAsync(
        GenerateRequest request, IReadOnlyList<string> stopStrings, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using IAsyncEnumerator<CompletionChunk> chunks = inner.GenerateAsync(request, stopStrings, cancellationToken).GetAsyncEnumerator(cancellationToken);
        using var measurement = new RequestMeasurement(Info.Name, request);
        while (await measurement.NextAsync(chunks)) yield return chunks.Current;
    }
}
