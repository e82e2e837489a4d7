using DistributedGpt.Engine;

namespace DistributedGpt.Transformer;

/// <summary>The embedding of tokens and, where learned, of positions.</summary>
public interface IEmbeddingRuntime : IDisposable
{
    /// <summary>Resident bytes.</summary>
    long Bytes { get; }

    /// <summary>Writes the embedding of every row of <paramref name="step"/> to <paramref name="x"/>.</summary>
    void Forward(StepBatch step, IHiddenStates x);
}
