using DistributedGpt.Engine;
using DistributedGpt.Transformer;

namespace DistributedGpt.Cluster;

/// <summary>A device of this process: its math and its lane, shared by all silos in the process.</summary>
/// <param name="Backend">The math.</param>
/// <param name="Lane">Where it runs.</param>
/// <param name="SampleTimes">How long it takes for a layer of common shape; null: not measured.</param>
public sealed record ComputeDevice(IComputeBackend Backend, ComputeLane Lane, StepTimes? SampleTimes = null);
