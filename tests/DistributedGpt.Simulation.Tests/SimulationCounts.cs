namespace DistributedGpt.Simulation.Tests;

/// <summary>How often what happened, to see that the simulator goes where it should.</summary>
internal sealed class SimulationCounts
{
    public long Events, Broken, Doubled, LostReplies, Threw, Poisoned, GivenUp, Hung, Epochs, Steps, Held, Duplicates, Refused, Fenced, Coordinators, Adopted,
        Reloads, Killed, Migrations, Migrated, MigrationsGivenUp, Damaged, KilledInMigration, Copies, SilosChecked, Submissions, Gaps, Stale, Cancelled, Stopped, Vanished, BlocksChecked, RowsSaved, Preemptions, Tokens,
        RebuildSteps, RebuiltFromLog, RebuiltFromIds, RebuiltApart, NeighboursRebuilt, RebuiltForTheirLog, KilledInRebuild, CancelledInRebuild;

    public void Add(SimulationCounts other)
    {
        foreach (System.Reflection.FieldInfo field in typeof(SimulationCounts).GetFields())
            field.SetValue(this, (long)field.GetValue(this)! + (long)field.GetValue(other)!);
    }

    /// <summary>What never happened.</summary>
    public IEnumerable<string> Missing =>
        typeof(SimulationCounts).GetFields().Where(each => (long)each.GetValue(this)! == 0).Select(each => each.Name);

    public override string ToString() =>
        string.Join(", ", typeof(SimulationCounts).GetFields().Select(field => $"{field.Name} {field.GetValue(this)}"));
}
