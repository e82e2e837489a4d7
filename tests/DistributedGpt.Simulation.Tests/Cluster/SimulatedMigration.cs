namespace DistributedGpt.Simulation.Tests;

/// <summary>Layers that are to move.</summary>
/// <param name="Id">Its random id.</param>
/// <param name="Epoch">The epoch under which it began.</param>
/// <param name="Number">Counts the migrations of its coordinator.</param>
/// <param name="Plan">Where all stages will be.</param>
/// <param name="Moves">The layers that move, by their new silos.</param>
internal sealed record SimulatedMigration(Guid Id, long Epoch, int Number, StagePlan Plan, Dictionary<int, LayerMove[]> Moves);
