namespace DistributedGpt.Simulation.Tests;

/// <summary>Holds the replica's record, which is written by compare-and-swap.</summary>
internal sealed class RecordStorage(Simulation simulation, StagePlan plan)
{
    private SimulatedRecord _record = new(0, default, plan, default);

    /// <summary>
    /// A coordinator raises the epoch. A first raise takes over from anyone; a later one is lost to a successor. The plan is that of
    /// the migration, if its silos live and nobody has raised the epoch since it began, else the one before, off the lost silos.
    /// </summary>
    public void Raise(Guid coordinator, bool owned, SimulatedMigration? migration, Action<SimulatedRecord> raised, Action lost, Action failed)
    {
        simulation.Time.After(simulation.Network.Delay(), () =>
        {
            SimulatedRecord read = _record;
            if (owned && read.Owner != coordinator) simulation.Time.After(simulation.Network.Delay(), lost);
            else simulation.Time.After(simulation.Network.Delay(), () => Write(read));
        });

        void Write(SimulatedRecord read)
        {
            bool commits = migration is not null && migration.Epoch == read.Epoch && !simulation.IsAnyLost(migration.Plan);
            SimulatedRecord raise = read with { Epoch = read.Epoch + 1, Owner = coordinator };
            raise = commits ? raise with { Plan = migration!.Plan, Migration = migration.Id } : raise with { Plan = simulation.ReplaceLost(read.Plan) };
            bool written = _record == read;
            if (written)
            {
                _record = raise;
                if (commits) simulation.Counts.Migrated++;
            }

            bool known = !simulation.Network.Chance(simulation.Case.Breaks);
            simulation.Time.After(simulation.Network.Delay(), written && known ? () => raised(raise) : failed);
        }
    }
}
