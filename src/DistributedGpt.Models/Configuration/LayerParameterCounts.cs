namespace DistributedGpt.Models;

/// <summary>Parameters of one decoder layer.</summary>
/// <param name="Query">Weights of the query projection.</param>
/// <param name="Key">Weights of the key projection.</param>
/// <param name="Value">Weights of the value projection.</param>
/// <param name="Output">Weights of attention's output projection.</param>
/// <param name="AttentionBiases">Biases of these four.</param>
/// <param name="Gate">Weights of the MLP's gate; 0 where it has none.</param>
/// <param name="Up">Weights of the MLP's up-projection.</param>
/// <param name="Down">Weights of the MLP's down-projection.</param>
/// <param name="MlpBiases">Biases of these three.</param>
/// <param name="Norms">Weights and biases of the norms, those of queries and keys included.</param>
public sealed record LayerParameterCounts(
    long Query, long Key, long Value, long Output, long AttentionBiases, long Gate, long Up, long Down, long MlpBiases, long Norms)
{
    /// <summary>Weights of attention, without biases.</summary>
    public long Attention => Query + Key + Value + Output;

    /// <summary>Weights of the MLP, without biases.</summary>
    public long Mlp => Gate + Up + Down;

    /// <summary>All parameters of the layer.</summary>
    public long Total => Attention + AttentionBiases + Mlp + MlpBiases + Norms;
}
