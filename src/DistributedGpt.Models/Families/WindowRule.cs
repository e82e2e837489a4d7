using System.Text.Json;

namespace DistributedGpt.Models;

/// <summary>
/// How a family says which layers attend through a sliding window. No window is supported yet, so one that would hide anything
/// within the context is refused; one as long as the context hides nothing.
/// </summary>
internal sealed record WindowRule
{
    /// <summary>Qwen's rule: only where <c>use_sliding_window</c>, and only layers from <c>max_window_layers</c> on.</summary>
    public static WindowRule Qwen { get; } = new() { OptIn = true, SizeWhenAbsent = 4096, LowerLayersWhenAbsent = 28 };

    /// <summary>Whether a window holds only where <c>use_sliding_window</c> is true.</summary>
    public bool OptIn { get; init; }

    /// <summary>What a missing <c>sliding_window</c> means.</summary>
    public int? SizeWhenAbsent { get; init; }

    /// <summary>What a missing <c>max_window_layers</c> means; layers below it have no window.</summary>
    public int LowerLayersWhenAbsent { get; init; }

    /// <summary>Throws where some layer's attention is not full.</summary>
    public void Refuse(ConfigSection config, int layers, int context)
    {
        int? size = config.SizeOrNull("sliding_window", int.MaxValue, SizeWhenAbsent);
        bool used = size < context && (!OptIn || config.Flag("use_sliding_window", whenAbsent: false));
        if (config.TryGet("layer_types", out JsonElement types))
        {
            if (types.ValueKind != JsonValueKind.Array || types.GetArrayLength() != layers)
                throw config.Error("layer_types", $"a list of {layers} layer types");
            foreach (JsonElement type in types.EnumerateArray())
            {
                string found = type.ValueKind == JsonValueKind.String ? type.GetString()! : ConfigSection.Describe(type);
                if (found != "full_attention")
                    throw config.Error("layer_types", "full_attention in every layer: windows and other kinds are not supported", found);
            }
            if (OptIn) return;
        }
        int lowerLayers = OptIn ? LowerLayers(config) : 0;
        if (used && lowerLayers < layers)
            throw config.Error("sliding_window", "no window (null): sliding windows are not supported", $"{size}");
    }

    private int LowerLayers(ConfigSection config)
    {
        if (!config.Has("max_window_layers")) return LowerLayersWhenAbsent;
        return config.TryGet("max_window_layers", out JsonElement value) && value.ValueKind == JsonValueKind.Number
            && value.TryGetInt32(out int lower) && lower >= 0
            ? lower
            : throw config.Error("max_window_layers", "a number of layers");
    }
}
