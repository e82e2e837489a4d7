namespace DistributedGpt.Models;

/// <summary>Where a checkpoint keeps a tensor.</summary>
/// <param name="Name">Its full name; <c>*</c> stands for the layer's index.</param>
internal sealed record TensorSource(string Name)
{
    /// <summary>Whether a matrix is stored as <c>[inputs, outputs]</c> (GPT-2's Conv1D).</summary>
    public bool Transposed { get; init; }

    /// <summary>The parts whose outputs follow one another in the stored tensor, where it holds several.</summary>
    public IReadOnlyList<LayerTensor> Fused { get; init; } = [];
}
