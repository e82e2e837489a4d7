using Orleans;

namespace DistributedGpt.Engine;

/// <summary>The stages of a replica in the order of its layers; the first has the embedding, the last the head.</summary>
[GenerateSerializer, Immutable]
public sealed record StagePlan
{
    /// <summary>A plan of these stages.</summary>
    /// <exception cref="ArgumentException">The stages are not consecutive, or embedding or head are not where they belong.</exception>
    public StagePlan(PlanStage[] stages)
    {
        if (stages.Length == 0) throw new ArgumentException("A plan has at least one stage.", nameof(stages));
        int layer = 0;
        for (int i = 0; i < stages.Length; i++)
        {
            PlanStage stage = stages[i];
            if (stage.FirstLayer != layer || stage.LayerCount < 1)
                throw new ArgumentException($"Stage {i} has {stage.LayerCount} layers from {stage.FirstLayer}; expected at least one from {layer}.", nameof(stages));
            if (stage.Embedding != (i == 0) || stage.Head != (i == stages.Length - 1))
                throw new ArgumentException($"Stage {i} of {stages.Length}: the embedding belongs to the first stage alone, the head to the last.", nameof(stages));
            layer = stage.EndLayer;
        }
        Stages = stages;
    }

    /// <summary>The stages.</summary>
    [Id(0)] public PlanStage[] Stages { get; }

    /// <summary>Layers in all.</summary>
    public int LayerCount => Stages[^1].EndLayer;

    /// <summary>The index of the stage that has <paramref name="layer"/>.</summary>
    public int StageOf(int layer)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(layer);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(layer, LayerCount);
        return Array.FindIndex(Stages, stage => layer < stage.EndLayer);
    }
}
