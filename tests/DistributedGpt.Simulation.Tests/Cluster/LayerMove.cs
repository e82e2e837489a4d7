namespace DistributedGpt.Simulation.Tests;

/// <summary>A layer that moves.</summary>
/// <param name="Layer">The layer.</param>
/// <param name="Source">The silo that has it.</param>
/// <param name="Incarnation">Its incarnation there.</param>
internal sealed record LayerMove(int Layer, int Source, long Incarnation);
