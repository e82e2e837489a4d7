using Orleans;

namespace DistributedGpt.Engine;

/// <summary>The last batch that a client has received; the default value: none yet.</summary>
/// <param name="Session">The session that it came from.</param>
/// <param name="Batch">Its number within the session.</param>
[GenerateSerializer, Immutable]
public readonly record struct DeliveryAck([property: Id(0)] DeliverySession Session, [property: Id(1)] long Batch);
