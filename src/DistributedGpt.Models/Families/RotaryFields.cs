using System.Text.Json;

namespace DistributedGpt.Models;

/// <summary>
/// The rotary embedding in both spellings: <c>rope_theta</c> with <c>rope_scaling</c> (transformers 4), <c>rope_parameters</c>
/// (transformers 5). Source: transformers, <c>modeling_rope_utils.py</c>.
/// </summary>
internal static class RotaryFields
{
    private const double DefaultTheta = 10000;

    private static readonly Dictionary<string, RotaryScaling> Scalings = new()
    {
        ["default"] = RotaryScaling.Default,
        ["linear"] = RotaryScaling.Linear,
        ["llama3"] = RotaryScaling.Llama3,
    };

    /// <summary>Reads the rotary embedding; theta is 10000 where the file says nothing.</summary>
    public static RotaryConfig Read(ConfigSection config)
    {
        ConfigSection? older = config.SectionOrNull("rope_scaling");
        ConfigSection? newer = config.SectionOrNull("rope_parameters");
        if (older is not null && newer is not null && Read(config, older) != Read(config, newer))
            throw config.Error("rope_scaling", "the same as rope_parameters where both are given", "another rotary embedding");
        return Read(config, newer ?? older);
    }

    private static RotaryConfig Read(ConfigSection config, ConfigSection? section)
    {
        double theta = Theta(config, DefaultTheta);
        if (section is not ConfigSection rope) return new(theta);

        foreach (JsonProperty property in rope.Element.EnumerateObject())
        {
            if (property.Value.ValueKind == JsonValueKind.Object)
                throw rope.Error(property.Name, "one rotary embedding for all layers");
        }
        CommonFields.RequireNeutral(rope, "partial_rotary_factor", 1);
        string key = rope.Has("rope_type") || !rope.Has("type") ? "rope_type" : "type";
        if (!rope.Has(key) && rope.Has("factor")) throw rope.Error(key, $"one of {string.Join(", ", Scalings.Keys)}");

        RotaryConfig rotary = new(Theta(rope, theta), rope.Choice(key, Scalings, whenAbsent: "default"));
        if (rotary.Scaling == RotaryScaling.Default) return rotary;
        rotary = rotary with { Factor = rope.Number("factor", 1e-6, 1e6) };
        if (rotary.Scaling == RotaryScaling.Linear) return rotary;

        double low = rope.Number("low_freq_factor", 1e-6, 1e6);
        double high = rope.Number("high_freq_factor", 1e-6, 1e6);
        if (high <= low) throw rope.Error("high_freq_factor", $"more than low_freq_factor {low}");
        ConfigSection holder = rope.Has("original_max_position_embeddings") ? rope : config;
        int original = holder.Size("original_max_position_embeddings", ConfigLimits.Context);
        return rotary with { LowFrequencyFactor = low, HighFrequencyFactor = high, OriginalContextLength = original };
    }

    private static double Theta(ConfigSection section, double whenAbsent) => section.Number("rope_theta", 1e-3, 1e15, whenAbsent);
}
