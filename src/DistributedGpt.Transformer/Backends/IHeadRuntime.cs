using DistributedGpt.Engine;

namespace DistributedGpt.Transformer;

/// <summary>Final norm, unembedding and sampling.</summary>
public interface IHeadRuntime : IDisposable
{
    /// <summary>Resident bytes.</summary>
    long Bytes { get; }

    /// <summary>Chooses a token for each sequence of <paramref name="step"/> that asks for one, in the step's order.</summary>
    /// <param name="step">The step.</param>
    /// <param name="x">The hidden states after the last layer, all rows.</param>
    SampledToken[] Forward(StepBatch step, IHiddenStates x);

    /// <summary>The logits <c>[vocabulary]</c> of row <paramref name="row"/> of <paramref name="x"/>, for tests and tools.</summary>
    void ComputeLogits(IHiddenStates x, int row, Span<float> logits);

    /// <summary>Forgets the sampler's state of every sequence: a new epoch begins.</summary>
    void Attach();
}
