using System.Diagnostics;
using DistributedGpt.Client;
using DistributedGpt.Engine;
using Spectre.Console;

namespace DistributedGpt.Cli;

/// <summary>A cluster as tables; from the second time on with the tokens per second since the last.</summary>
internal sealed class StatusView
{
    private readonly IAnsiConsole _console = Report.CreateConsole();
    private readonly Dictionary<(string Model, int Replica), long> _tokens = [];
    private readonly Stopwatch _watch = new();

    /// <summary>Writes the tables.</summary>
    public void Write(ClusterStatus status)
    {
        double seconds = _watch.Elapsed.TotalSeconds;
        _watch.Restart();
        var silos = Report.CreateTable("silos", "silo", "address", "state", "device", "memory in use", "of");
        foreach (SiloReport silo in status.Silos)
            silos.AddRow(Cell(silo.Name), Cell(silo.Address), silo.State, silo.Device ?? "no answer", Report.Bytes(silo.ReservedBytes), Report.Bytes(silo.MemoryLimit));
        _console.Write(silos);
        foreach (ModelReport model in status.Models)
        {
            if (model.Replicas.Length == 0) _console.MarkupLineInterpolated($"{model.Name}: no answer from its coordinator");
            foreach (ReplicaReport replica in model.Replicas) Write(model, replica, seconds);
        }
    }

    private void Write(ModelReport model, ReplicaReport replica, double seconds)
    {
        SchedulerStatus scheduler = replica.Scheduler;
        string speed = "";
        if (_tokens.TryGetValue((model.Name, replica.Index), out long before)) speed = $", {Math.Max(0, scheduler.TokensGenerated - before) / seconds:N1} tokens/s";
        _tokens[(model.Name, replica.Index)] = scheduler.TokensGenerated;
        var stages = Report.CreateTable(
            $"{Markup.Escape(model.Name)}, replica {replica.Index}: {replica.State.ToString().ToLowerInvariant()} in epoch {replica.Epoch}, coordinator on {Markup.Escape(replica.Coordinator)}, " +
            $"{scheduler.Running} running and {scheduler.Waiting} waiting sequences, {scheduler.BlocksInUse:N0} of {scheduler.Blocks:N0} blocks in use{speed}",
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
