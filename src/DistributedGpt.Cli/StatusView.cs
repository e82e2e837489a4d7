using DistributedGpt.Client;
using DistributedGpt.Engine;
using Spectre.Console;

namespace DistributedGpt.Cli;

/// <summary>A cluster as tables.</summary>
internal sealed class StatusView
{
    private readonly IAnsiConsole _console = Report.CreateConsole();

    /// <summary>Writes the tables.</summary>
    public void Write(ClusterStatus status)
    {
        var silos = Report.CreateTable("silos", "silo", "address", "state", "device", "memory in use", "of");
        foreach (SiloReport silo in status.Silos)
            silos.AddRow(Cell(silo.Name), Cell(silo.Address), silo.State, silo.Device ?? "no answer", Report.Bytes(silo.ReservedBytes), Report.Bytes(silo.MemoryLimit));
        _console.Write(silos);
        foreach (ModelReport model in status.Models) Write(model);
    }

    private void Write(ModelReport model)
    {
        if (model.State != ModelState.Serving) _console.MarkupLineInterpolated($"{model.Name} is {model.State.ToString().ToLowerInvariant()}");
        foreach (ReplicaReport replica in model.Replicas) Write(model, replica);
        foreach (int silent in Enumerable.Range(0, model.ReplicaCount).Except(model.Replicas.Select(replica => replica.Index)))
            _console.MarkupLineInterpolated($"{model.Name}, replica {silent}: no answer from its coordinator");
    }

    private void Write(ModelReport model, ReplicaReport replica)
    {
        SchedulerStatus scheduler = replica.Scheduler;
        var stages = Report.CreateTable(
            $"{Markup.Escape(model.Name)}, replica {replica.Index}: {replica.State.ToString().ToLowerInvariant()} in epoch {replica.Epoch}, coordinator on {Markup.Escape(replica.Coordinator)}, " +
            $"{scheduler.Running} running and {scheduler.Waiting} waiting sequences, {scheduler.BlocksInUse:N0} of {scheduler.Blocks:N0} blocks in use, {replica.TokensPerSecond:N1} tokens/s",
            "stage", "layers", "silo", "with");
        for (int i = 0; i < replica.Stages.Length; i++)
        {
            StageReport stage = replica.Stages[i];
            string with = (stage.Embedding, stage.Head) switch { (true, true) => "embedding, head", (true, _) => "embedding", (_, true) => "head", _ => "" };
            stages.AddRow($"{i}", $"{stage.FirstLayer} to {stage.FirstLayer + stage.LayerCount - 1}", Cell(stage.Silo), with);
        }

        _console.Write(stages);
    }

    private static string Cell(string text) => Markup.Escape(text);
}
