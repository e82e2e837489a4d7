namespace DistributedGpt.Simulation.Tests;

/// <summary>A check of the simulator that did not hold.</summary>
public sealed class SimulationFailure(string message) : Exception(message);
