using System.Net;
using DistributedGpt.Client;
using DistributedGpt.Engine;
using DistributedGpt.Models;
using DistributedGpt.Transformer;

namespace DistributedGpt.Cluster.Tests;

public sealed class ReplicaPlannerTests : IDisposable
{
    private const long Plenty = 1 << 30;

    private readonly ModelFolder _folder = ModelFolder.Open(new Golden("llama").Folder);

    private ModelSpec Model => new() { Name = "m", Path = _folder.Path };

    private int Layers => _folder.Config.LayerCount;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Plan_EqualSilos_UsesAllInTheirOrder()
    {
        StagePlan plan = ReplicaPlanner.Plan(_folder, Model, [Silo("a"), Silo("b")]).Replicas[0];

        Assert.Equal([0, 1], plan.Stages.Select(stage => stage.Silo));
    }

    [Fact]
    public void Plan_TimesThatDifferByNoise_AreTakenForEqual() => Assert.Equal(
        ReplicaPlanner.Plan(_folder, Model, [Silo("a"), Silo("b")]).Replicas[0].Stages,
        ReplicaPlanner.Plan(_folder, Model, [Silo("a", milliseconds: 1.1), Silo("b", milliseconds: 1.3)]).Replicas[0].Stages);

    [Fact]
    public void Plan_MuchSlowerSilo_IsLeftOut() =>
        Assert.All(ReplicaPlanner.Plan(_folder, Model, [Silo("slow", milliseconds: 100), Silo("a", milliseconds: 1)]).Replicas[0].Stages, stage => Assert.Equal(1, stage.Silo));

    [Fact]
    public void Plan_SiloThatWidensWeights_NeedsTheMemory()
    {
        long bytes = _folder.TotalWeightBytes + new KvCacheOptions(1, Model.KvType).BytesFor(_folder.Config) * Layers;
        ModelSpec small = Model with { KvTokens = 16 };
        var half = new SiloCapacity("cpu", bytes * 3 / 4, 0, TensorType.BFloat16);

        Assert.Throws<InsufficientMemoryException>(() => ReplicaPlanner.Plan(_folder, small, [Silo("a") with { Capacity = half with { WeightType = null } }]));
        Assert.Single(ReplicaPlanner.Plan(_folder, small, [Silo("a") with { Capacity = half }]).Replicas);
    }

    [Fact]
    public void Plan_NoMemoryLeft_IsRefusedWithTheNumbers()
    {
        var full = new SiloCapacity("cpu", Plenty, Plenty - 5, null);

        string message = Assert.Throws<InsufficientMemoryException>(() => ReplicaPlanner.Plan(_folder, Model, [Silo("a") with { Capacity = full }])).Message;

        Assert.StartsWith($"{_folder.Path}: memory: expected at least ", message, StringComparison.Ordinal);
        Assert.EndsWith("a has 5), found 5 free", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Replace_LostSilo_LeavesTheOthersWhereTheyAre()
    {
        SiloOffer a = Silo("a"), b = Silo("b"), slow = Silo("slow", milliseconds: 50), spare = Silo("spare");
        StagePlan plan = ReplicaPlanner.Plan(_folder, Model, [a, b]).Replicas[0];
        var record = new ReplicaRecord { Model = Model, Fingerprint = "", Plan = plan, Silos = [a.Address, b.Address], SiloNames = ["a", "b"], KvBlocks = 1 };

        ReplicaRecord replaced = ReplicaPlanner.Replace(_folder, record, [slow, spare, b]);

        Assert.Equal([spare.Address, b.Address], replaced.Plan.Stages.Select(replaced.SiloOf));
        Assert.Equal(plan.Stages.Select(stage => stage.LayerCount), replaced.Plan.Stages.Select(stage => stage.LayerCount));
    }

    [Fact]
    public void Measure_ADevice_GivesATimeForEachStep()
    {
        using var backend = new CpuBackend(new CpuBackendOptions { Threads = 1 });

        StepTimes times = LayerTimer.Measure(backend);

        Assert.All(new[] { 1, 8, 64 }, tokens => Assert.True(times.Milliseconds(tokens) > 0));
    }

    private static SiloOffer Silo(string name, double? milliseconds = null) => new(
        SiloAddress.New(IPAddress.Loopback, name[0] * 100 + name.Length, 1), name, new SiloCapacity("cpu", Plenty, 0, null, milliseconds is { } time ? new StepTimes([new(1, time)]) : null));
}
