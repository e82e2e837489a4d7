using Orleans;

namespace DistributedGpt.Engine;

/// <summary>The answer to <c>Next</c>: tokens of any requests of the subscription. Without entries it is the heartbeat.</summary>
/// <param name="Session">The buffer that answers.</param>
/// <param name="Number">Counts the batches with entries of the session, from 1; a heartbeat repeats the last acknowledged number.</param>
/// <param name="Entries">The tokens; those of one completion are in order.</param>
/// <param name="Recovers">Nothing is computed at present: something went wrong, and the replica is on its way back.</param>
[GenerateSerializer, Immutable]
public sealed record TokenBatch(
    [property: Id(0)] DeliverySession Session,
    [property: Id(1)] long Number,
    [property: Id(2)] TokenEntry[] Entries,
    [property: Id(3)] bool Recovers = false);
