using System.Runtime.InteropServices;
using DistributedGpt.Models;

namespace DistributedGpt.Cluster;

/// <summary>A layer of common shape to measure a device with. All its weights are zero, which computes as fast as any other number.</summary>
internal sealed class SampleLayer : IModelWeights
{
    private const int Hidden = 1024;

    // Views are addresses only, so the weights live as long as the process; small enough for that, and every matrix shares them.
    private static readonly ushort[] Zeros = GC.AllocateArray<ushort>(4 * Hidden * Hidden, pinned: true);

    /// <summary>Weights of its matrices.</summary>
    public const long Weights = 12L * Hidden * Hidden;

    /// <inheritdoc/>
    public string Source => "sample";

    /// <inheritdoc/>
    public ModelConfig Config { get; } = new()
    {
        ModelType = "sample",
        VocabularySize = 1,
        HiddenSize = Hidden,
        LayerCount = 1,
        HeadCount = 16,
        KeyValueHeadCount = 16,
        HeadSize = Hidden / 16,
        IntermediateSize = 4 * Hidden,
        ContextLength = 1024,
        Norm = NormKind.LayerNorm,
        NormEpsilon = 1e-5f,
        Activation = ActivationKind.GeluTanh,
        GatedMlp = false,
        QueryKeyValueBias = false,
        AttentionOutputBias = false,
        MlpBias = false,
        TiedEmbeddings = true,
        WeightType = TensorType.BFloat16,
    };

    /// <inheritdoc/>
    public TensorView? Find(ModelTensor tensor) => null;

    /// <inheritdoc/>
    public TensorView? Find(int layer, LayerTensor tensor) => Config.ShapeOf(tensor) is { } shape
        ? new TensorView(TensorType.BFloat16, Marshal.UnsafeAddrOfPinnedArrayElement(Zeros, 0), shape.Rows, shape.Columns, shape.Columns, 1)
        : null;
}
