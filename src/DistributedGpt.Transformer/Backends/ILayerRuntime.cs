using DistributedGpt.Engine;

namespace DistributedGpt.Transformer;

/// <summary>A decoder layer with its own paged KV cache.</summary>
public interface ILayerRuntime : IDisposable
{
    /// <summary>Resident bytes of weights and cache.</summary>
    long Bytes { get; }

    /// <summary>
    /// Runs the layer over every row of <paramref name="step"/>, in place: writes keys and values of the rows to the cache, lets
    /// each row attend to its sequence's positions up to its own, and adds attention's and the MLP's results to
    /// <paramref name="x"/>. A row's bits depend on its sequence alone.
    /// </summary>
    void Forward(StepBatch step, IHiddenStates x);
}
