using DistributedGpt.Engine;

namespace DistributedGpt.Cluster;

/// <summary>What a stage makes of a step: hidden states, tokens, a refusal, or nothing where it was the last one to rebuild its cache.</summary>
/// <param name="Hidden">The hidden states for the next stage.</param>
/// <param name="Next">The silo of that stage.</param>
/// <param name="Tokens">The sampled tokens, from the last stage.</param>
/// <param name="Refusal">Why the stage did not run the step.</param>
internal readonly record struct StageOutput(
    Frame? Hidden = null, SiloAddress? Next = null, SampledToken[]? Tokens = null, StageRefusal? Refusal = null);
