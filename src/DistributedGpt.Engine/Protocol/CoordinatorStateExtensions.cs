namespace DistributedGpt.Engine;

/// <summary>What a coordinator's state means for those who wait for it.</summary>
public static class CoordinatorStateExtensions
{
    /// <summary>Whether its stages follow it: steps run, or but pause for a migration.</summary>
    public static bool Serves(this CoordinatorState state) => state is CoordinatorState.Running or CoordinatorState.Draining;
}
