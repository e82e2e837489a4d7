using Orleans;

namespace DistributedGpt.Engine;

/// <summary>
/// Names one delivery buffer: a coordinator's activation and the count of buffers that it has opened. A client that hears from
/// another session than the one that accepted a submission knows that the submission was forgotten.
/// </summary>
/// <param name="Coordinator">The random id of the coordinator's activation.</param>
/// <param name="Number">Counts its buffers, from 1.</param>
[GenerateSerializer, Immutable]
public readonly record struct DeliverySession([property: Id(0)] Guid Coordinator, [property: Id(1)] int Number);
