using Orleans.Runtime.Placement;

namespace DistributedGpt.Cluster;

/// <summary>Follows the placement hint of the call, and refuses to place without one.</summary>
internal sealed class PlannedPlacementDirector : IPlacementDirector
{
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context) =>
        IPlacementDirector.GetPlacementHint(target.RequestContextData, context.GetCompatibleSilos(target)) is { } silo
            ? Task.FromResult(silo)
            : throw new OrleansException($"{target.GrainIdentity} is not loaded: only its Load can place it");
}
