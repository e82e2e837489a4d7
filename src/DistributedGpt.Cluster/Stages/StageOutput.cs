using DistributedGpt.Engine;

namespace DistributedGpt.Cluster;

/// <summary>What a stage makes of a step: hidden states, tokens or a refusal.</summary>
/// <param name="Hidden">The hidden states for the next stage.</param>
/// <param name="NextLayer">The first layer of that stage.</param>
/// <param name="Tokens">The sampled tokens, from the last stage.</param>
/// <param name="Refusal">Why the stage did not run the step.</param>
internal readonly record struct StageOutput(
    Frame? Hidden = null, int NextLayer = 0, SampledToken[]? Tokens = null, StageRefusal? Refusal = null);
