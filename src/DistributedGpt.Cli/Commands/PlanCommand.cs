using System.CommandLine;
using System.Text.Json;
using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Cli;

/// <summary><c>dgpt plan</c>: which silo would compute which layers, and how fast; neither a cluster nor weights are needed.</summary>
internal static class PlanCommand
{
    private static readonly int[] Loads = [1, 8, 64];

    /// <summary>The command.</summary>
    public static Command Build()
    {
        var model = new Option<string>("--model") { HelpName = "DIR", Description = "A model folder. Default: the small model that ships with the program." };
        var config = new Option<string>("--config") { HelpName = "FILE", Description = "A config.json, instead of a folder; no weights are needed." };
        var silos = new Option<string>("--silos")
        {
            HelpName = "FILE", Required = true, Description = "The silos, a JSON file: {\"silos\": [{\"name\": \"a\", \"memory\": \"64GiB\", \"layer_ms\": {\"1\": 2.5, \"64\": 9.0}}, ...]}, see docs/architecture.md.",
        };
        Option<int?> replicas = SharedOptions.Replicas();
        Option<int?> kvTokens = SharedOptions.KvTokens();
        Option<TensorType?> weightType = SharedOptions.WeightType();
        Option<TensorType?> kvType = SharedOptions.KvType();
        var json = new Option<bool>("--json") { Description = "Print one JSON object." };
        var command = new Command("plan", "Plan a model for silos: stages, memory, and the speed to expect.") { model, config, silos, replicas, kvTokens, weightType, kvType, json };
        command.SetAction(result =>
        {
            string path = InfoCommand.ConfigPath(result.GetValue(config), result.GetValue(model));
            ModelConfig shape = ModelFolder.ReadConfig(path);
            Inventory inventory = Inventory.Read(result.GetRequiredValue(silos));
            int? tokens = result.GetValue(kvTokens);
            var request = new PlanningRequest
            {
                Model = ModelShape.Of(shape, result.GetValue(weightType) ?? shape.WeightType, result.GetValue(kvType) ?? TensorType.Float32),
                Silos = inventory.Silos,
                Network = inventory.Network,
                KvBlocks = KvCacheSize.Blocks(tokens, shape.ContextLength),
                LeastKvBlocks = KvCacheSize.LeastBlocks(tokens, shape.ContextLength),
                Replicas = SharedOptions.ReplicasOf(result.GetValue(replicas)),
            };
            Write(shape, request, Plan(request, path), result.GetValue(json));
            return 0;
        });
        return command;
    }

    private static ClusterPlan Plan(PlanningRequest request, string path)
    {
        try
        {
            return ClusterPlanner.Plan(request);
        }
        catch (InsufficientMemoryException e)
        {
            throw new InputException($"{path}: {e.Message}");
        }
    }

    private static void Write(ModelConfig config, PlanningRequest request, ClusterPlan plan, bool json)
    {
        HashSet<int> used = [.. plan.Replicas.SelectMany(replica => replica.Stages).Select(stage => stage.Silo)];
        var report = new PlanJson(
            config.ModelType, config.LayerCount, request.Model.WeightBytes, (long)plan.KvBlocks * StepBatch.BlockSize, ClusterPlanner.FullLoad,
            [.. plan.Replicas.Select(replica => Describe(request, plan, replica))],
            [.. request.Silos.Where((_, i) => !used.Contains(i)).Select(silo => silo.Name)],
            [.. Loads.Select(plan.Predict)]);
        if (json) Console.WriteLine(JsonSerializer.Serialize(report, PlanJsonContext.Default.PlanJson));
        else PlanView.Write(report);
    }

    private static PlanReplicaJson Describe(PlanningRequest request, ClusterPlan plan, StagePlan replica)
    {
        IReadOnlyList<double> times = plan.StageMilliseconds(replica, ClusterPlanner.FullLoad);
        return new PlanReplicaJson([.. replica.Stages.Select((stage, i) =>
        {
            SiloResources silo = request.Silos[stage.Silo];
            long weights = plan.WeightBytes(stage), cache = plan.KvBytes(stage), log = plan.BorderLogBytes(stage);
            return new PlanStageJson(
                silo.Name, silo.Device, stage.FirstLayer, stage.LayerCount, stage.Embedding, stage.Head, weights, cache, log, weights + cache + log, silo.MemoryBytes, times[i]);
        })]);
    }
}
