using Orleans.Runtime.Placement;

namespace DistributedGpt.Cluster;

/// <summary>The silo on which a call is to place its grain. It travels in the request's context, for that one call alone.</summary>
internal static class PlacementHint
{
    /// <summary>Begins a call, or a migration, with a hint.</summary>
    public static T Give<T>(SiloAddress silo, Func<T> begin)
    {
        RequestContext.Set(IPlacementDirector.PlacementHintKey, silo);
        try
        {
            return begin();
        }
        finally
        {
            Forget();
        }
    }

    /// <inheritdoc cref="Give{T}"/>
    public static void Give(SiloAddress silo, Action begin) => Give(silo, () =>
    {
        begin();
        return true;
    });

    /// <summary>Whether the call that runs has a hint that names this silo.</summary>
    public static bool Names(SiloAddress silo) => RequestContext.Get(IPlacementDirector.PlacementHintKey) is SiloAddress hint && hint.Equals(silo);

    /// <summary>The hint has placed the grain that was called, and must not flow into the calls that it makes.</summary>
    public static void Forget() => RequestContext.Remove(IPlacementDirector.PlacementHintKey);
}
