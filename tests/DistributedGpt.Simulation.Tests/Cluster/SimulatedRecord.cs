namespace DistributedGpt.Simulation.Tests;

/// <summary>The replica's durable record.</summary>
/// <param name="Epoch">The epoch.</param>
/// <param name="Owner">The coordinator that raised it.</param>
/// <param name="Plan">The stages; their silos count those of the simulation.</param>
/// <param name="Migration">The last migration that was committed.</param>
internal sealed record SimulatedRecord(long Epoch, Guid Owner, StagePlan Plan, Guid Migration);
