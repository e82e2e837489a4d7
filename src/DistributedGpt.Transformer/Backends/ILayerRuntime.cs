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

    /// <summary>Bytes of one block of the cache.</summary>
    int BlockBytes { get; }

    /// <summary>Copies what a block of the cache holds: the same bytes in every layer of this shape on this kind of device.</summary>
    /// <param name="block">The block.</param>
    /// <param name="destination">Receives <see cref="BlockBytes"/> bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such block.</exception>
    void ReadBlock(int block, Span<byte> destination);

    /// <summary>Fills a block of the cache with what another cache holds.</summary>
    /// <param name="block">The block.</param>
    /// <param name="source"><see cref="BlockBytes"/> bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such block.</exception>
    void WriteBlock(int block, ReadOnlySpan<byte> source);
}
