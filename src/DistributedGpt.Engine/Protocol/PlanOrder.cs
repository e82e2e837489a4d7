namespace DistributedGpt.Engine;

/// <summary>
/// Whose word counts on a silo about what it holds of a replica: what is loaded, copied and dropped there. The one of a higher epoch
/// ends that of lower ones; within an epoch a later migration ends the copies of earlier ones. So a call that comes late leaves
/// nothing behind that nobody will take away.
/// </summary>
public sealed class PlanOrder
{
    private long _epoch;
    private int _migration;

    /// <summary>Whether something may be loaded for the plan of that epoch.</summary>
    /// <param name="epoch">The epoch of the replica's record.</param>
    public bool MayLoad(long epoch)
    {
        if (epoch < _epoch) return false;
        if (epoch > _epoch) (_epoch, _migration) = (epoch, 0);
        return true;
    }

    /// <summary>Whether a copy may begin, or everything be dropped that neither the plan gives to this silo nor that migration copies.</summary>
    /// <param name="epoch">The epoch of the replica's record.</param>
    /// <param name="migration">The number of the migration among those of its coordinator; where none is under way, of the next one.</param>
    public bool MayChange(long epoch, int migration)
    {
        if (!MayLoad(epoch) || migration < _migration) return false;
        _migration = migration;
        return true;
    }
}
