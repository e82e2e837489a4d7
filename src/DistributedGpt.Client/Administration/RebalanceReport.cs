namespace DistributedGpt.Client;

/// <summary>What a rebalance made of a replica.</summary>
/// <param name="Model">The model.</param>
/// <param name="Replica">The replica's number, from 0.</param>
/// <param name="Moves">What moved, in the order of the layers; empty where the replica stays as it was.</param>
/// <param name="TokensPerSecondBefore">The speed that the planner predicts for the plan before, at full load.</param>
/// <param name="TokensPerSecondAfter">The same for the best plan over the silos that live.</param>
/// <param name="Error">Why the best plan could not be followed, fit for the user; null where it was, or gains too little.</param>
[GenerateSerializer, Immutable]
public sealed record RebalanceReport(
    [property: Id(0)] string Model,
    [property: Id(1)] int Replica,
    [property: Id(2)] MoveReport[] Moves,
    [property: Id(3)] double TokensPerSecondBefore,
    [property: Id(4)] double TokensPerSecondAfter,
    [property: Id(5)] string? Error);
