namespace DistributedGpt.Models;

/// <summary>The scaling of rotary frequencies.</summary>
public enum RotaryScaling
{
    /// <summary>Frequencies as they are.</summary>
    Default,

    /// <summary>Every frequency divided by the factor.</summary>
    Linear,

    /// <summary>Llama 3.1's: long wavelengths divided by the factor, short ones kept, a ramp between.</summary>
    Llama3,
}
