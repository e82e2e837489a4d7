namespace DistributedGpt.Models;

/// <summary>Rotary position embedding over the whole head (half-split pairs: element i turns with element i + head_size/2).</summary>
/// <param name="Theta">The base of the frequencies.</param>
/// <param name="Scaling">How they are scaled.</param>
/// <param name="Factor">The divisor of <see cref="RotaryScaling.Linear"/> and <see cref="RotaryScaling.Llama3"/>.</param>
/// <param name="LowFrequencyFactor">Llama 3's <c>low_freq_factor</c>.</param>
/// <param name="HighFrequencyFactor">Llama 3's <c>high_freq_factor</c>.</param>
/// <param name="OriginalContextLength">Llama 3's <c>original_max_position_embeddings</c>.</param>
public sealed record RotaryConfig(
    double Theta,
    RotaryScaling Scaling = RotaryScaling.Default,
    double Factor = 1,
    double LowFrequencyFactor = 1,
    double HighFrequencyFactor = 4,
    int OriginalContextLength = 8192);
