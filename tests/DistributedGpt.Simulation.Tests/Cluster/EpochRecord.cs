namespace DistributedGpt.Simulation.Tests;

/// <summary>The replica's durable record: its epoch and the coordinator that raised it, written by compare-and-swap.</summary>
internal sealed class EpochRecord(Simulation simulation)
{
    private (long Epoch, Guid Owner) _record;

    /// <summary>A coordinator raises the epoch. A first raise takes over from anyone; a later one is lost to a successor.</summary>
    public void Raise(Guid coordinator, bool owned, Action<long> raised, Action lost, Action failed)
    {
        simulation.Time.After(simulation.Network.Delay(), () =>
        {
            (long Epoch, Guid Owner) read = _record;
            if (owned && read.Owner != coordinator) simulation.Time.After(simulation.Network.Delay(), lost);
            else simulation.Time.After(simulation.Network.Delay(), () => Write(read));
        });

        void Write((long Epoch, Guid Owner) read)
        {
            bool written = _record == read;
            if (written) _record = (read.Epoch + 1, coordinator);
            bool known = !simulation.Network.Chance(simulation.Case.Breaks);
            simulation.Time.After(simulation.Network.Delay(), written && known ? () => raised(read.Epoch + 1) : failed);
        }
    }
}
