using DistributedGpt.Engine;

namespace DistributedGpt.Cli;

/// <summary>What <c>dgpt plan --json</c> prints.</summary>
/// <param name="ModelType">The model's family.</param>
/// <param name="LayerCount">Its layers.</param>
/// <param name="WeightBytes">Bytes of its weights.</param>
/// <param name="KvTokens">Tokens that the KV cache of each replica holds.</param>
/// <param name="PlannedRequests">Requests at once that the plan was made for.</param>
/// <param name="Replicas">The replicas, the fastest first.</param>
/// <param name="LeftOut">Names of silos without which the plan is as fast.</param>
/// <param name="Predictions">The speed at some loads.</param>
internal sealed record PlanJson(
    string ModelType, int LayerCount, long WeightBytes, long KvTokens, int PlannedRequests, PlanReplicaJson[] Replicas, string[] LeftOut, SpeedPrediction[] Predictions);
