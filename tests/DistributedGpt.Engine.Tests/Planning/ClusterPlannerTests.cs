namespace DistributedGpt.Engine.Tests;

public sealed class ClusterPlannerTests
{
    [Theory]
    [InlineData(7, 1, new[] { 7 })]
    [InlineData(7, 3, new[] { 3, 2, 2 })]
    [InlineData(12, 4, new[] { 3, 3, 3, 3 })]
    [InlineData(2, 5, new[] { 1, 1 })]
    public void Plan_EqualSilos_SpreadsLayersEvenlyInTheirOrder(int layers, int silos, int[] expected)
    {
        PlanStage[] stages = Plan(Request(layers, [.. Enumerable.Repeat(1.0, silos)])).Stages;

        Assert.Equal(expected, stages.Select(stage => stage.LayerCount));
        Assert.Equal(Enumerable.Range(0, expected.Length), stages.Select(stage => stage.Silo));
    }

    /// <summary>In 7 ms the silos can take 7, 3 and 2 layers, which is all 12; in less than 7 ms at most 6 + 3 + 2.</summary>
    [Fact]
    public void Plan_UnequalSilos_IsTheSolutionByHand()
    {
        ClusterPlan plan = ClusterPlanner.Plan(Request(12, 1, 2, 3));

        Assert.Equal(7, LayersOn(plan, 0));
        Assert.Equal(3, LayersOn(plan, 1));
        Assert.Equal(2, LayersOn(plan, 2));
        Assert.Equal(1000 / 7.0, plan.Predict(64).TokensPerSecond, 9);
    }

    /// <summary>
    /// The head takes as long as two layers, and the fast silo has memory for five layers and the head. With the head there, the silos
    /// take 5 + 4 + 3 layers in 9 ms, and 5 + 4 + 2 in less; with the head on the second, it takes 10 ms for 5 + 3 + 3, which is still
    /// not all, and on the third it is worse.
    /// </summary>
    [Fact]
    public void Plan_HeadAndShortMemory_AreWeighedTogether()
    {
        PlanningRequest request = Request(12, 1, 2, 3);
        request = request with { Model = request.Model with { Head = new PartShape(70, 2) } };
        SiloResources[] silos = [.. request.Silos];
        silos[0] = silos[0] with { MemoryBytes = 5 * 110 + 70 + 109 };

        ClusterPlan plan = ClusterPlanner.Plan(request with { Silos = silos });

        Assert.Equal([5, 4, 3], new[] { LayersOn(plan, 0), LayersOn(plan, 1), LayersOn(plan, 2) });
        Assert.Equal(0, plan.Replicas[0].Stages[^1].Silo);
        SpeedPrediction prediction = plan.Predict(64);
        Assert.Equal(1000 / 9.0, prediction.TokensPerSecond, 9);
        Assert.Contains("s2 is the slowest stage", prediction.Why, StringComparison.Ordinal);
        Assert.EndsWith("s0 would be done sooner with one layer more, but lacks the memory", prediction.Why, StringComparison.Ordinal);
    }

    /// <summary>As a loss leaves it: the second silo has the third's stage beside its own, and computes one after the other.</summary>
    [Fact]
    public void Evaluate_TwoStagesOnOneSilo_TakeTheTimeOfBoth()
    {
        PlanningRequest request = Request(6, 1, 1, 1);
        StagePlan plan = Plan(request);

        ClusterPlan lost = ClusterPlanner.Evaluate(request, new StagePlan([plan.Stages[0], plan.Stages[1], plan.Stages[2] with { Silo = plan.Stages[1].Silo }]));

        Assert.Equal(1000 / 2.0, ClusterPlanner.Evaluate(request, plan).Predict(64).TokensPerSecond, 9);
        Assert.Equal(1000 / 4.0, lost.Predict(64).TokensPerSecond, 9);
        Assert.Contains("s1 is the slowest", lost.Predict(64).Why, StringComparison.Ordinal);
    }

    [Fact]
    public void Plan_MuchSlowerSilo_IsLeftOut()
    {
        Assert.Equal([0, 1], Plan(Request(12, 1, 1, 10)).Stages.Select(stage => stage.Silo));
        Assert.Equal([6, 6], Plan(Request(12, 1, 10, 1)).Stages.Select(stage => stage.LayerCount));
    }

    [Fact]
    public void Plan_SlowNetwork_IsNotCrossed()
    {
        PlanningRequest request = Request(12, 1, 1) with { Network = new SiloNetwork(new Link(1000, 1)) };

        Assert.Single(Plan(request).Stages);
    }

    [Fact]
    public void Plan_OneNearLink_PutsNeighboursThere()
    {
        var near = new Dictionary<(int, int), Link> { [(0, 2)] = new(0.1, 1000), [(1, 2)] = new(0.1, 1000) };

        PlanStage[] stages = Plan(Request(12, 1, 1, 1) with { Network = new SiloNetwork(new Link(50, 1000), near) }).Stages;

        Assert.Equal(3, stages.Length);
        Assert.Equal(2, stages[1].Silo);
    }

    /// <summary>
    /// The way between the fast silos leads over the slow one, which can take the light second layer alone: the first must stop before
    /// it, although it would have the time to go on. In 8 ms the first could take four layers' work, the slow one nothing that follows.
    /// </summary>
    [Fact]
    public void Plan_SlowSiloBetweenTwoFarOnes_IsLeftALayerThatItCanTake()
    {
        PlanningRequest request = Request(4, 1, 4, 1) with { Network = new SiloNetwork(Link.Free, new Dictionary<(int, int), Link> { [(0, 2)] = new(10_000, 1) }) };
        double[] work = [3, 1, 4, 1];
        request = request with { Model = request.Model with { Layers = Array.ConvertAll(work, each => new LayerShape(100, 10, each)) } };

        ClusterPlan plan = ClusterPlanner.Plan(request);

        Assert.Equal([1, 1, 2], plan.Replicas[0].Stages.Select(stage => stage.LayerCount));
        Assert.Equal(1, plan.Replicas[0].Stages[1].Silo);
        Assert.Equal(1000 / 5.0, plan.Predict(64).TokensPerSecond, 9);
    }

    /// <summary>One step of 8 tokens through one silo; two steps of 4 through two, whose slower takes 3 x 4 + 1 ms; one of 1 through both.</summary>
    [Fact]
    public void Predict_FewAndManyRequests_FollowsTheFormula()
    {
        PlanningRequest request = Request(5, 1, 1) with { Network = new SiloNetwork(new Link(1, double.PositiveInfinity)) };
        ClusterPlan plan = ClusterPlanner.Plan(request);

        Assert.Equal([3, 2], plan.Replicas[0].Stages.Select(stage => stage.LayerCount));
        Assert.Equal(1000 * 8 / (2 * (3 * 4 + 1.0)), plan.Predict(8).TokensPerSecond, 9);
        Assert.Equal(1000 / (5 + 2.0), plan.Predict(1).TokensPerSecond, 9);
        Assert.Contains("2 stages one after the other, 7 ms of which 2 on the network", plan.Predict(1).Why, StringComparison.Ordinal);
    }

    [Fact]
    public void Predict_Replicas_ShareTheRequests()
    {
        ClusterPlan plan = ClusterPlanner.Plan(Request(4, 1, 1) with { Replicas = 2 });

        Assert.Equal(2, plan.Replicas.Count);
        Assert.Equal(1000 * 2 / 4.0, plan.Predict(8).TokensPerSecond, 9);
        Assert.Equal(1000 / 4.0, plan.Predict(1).TokensPerSecond, 9);
    }

    [Fact]
    public void Plan_MemoryForFewerBlocks_TakesTheMostThatFit()
    {
        PlanningRequest request = Request(2, 1) with { KvBlocks = 100, LeastKvBlocks = 10 };
        SiloResources silo = request.Silos[0] with { MemoryBytes = 2 * (100 + 37 * 10) + 19 };

        Assert.Equal(37, ClusterPlanner.Plan(request with { Silos = [silo] }).KvBlocks);
        Assert.Equal(100, ClusterPlanner.Plan(request with { Silos = [silo with { MemoryBytes = 1 << 20 }] }).KvBlocks);
    }

    [Fact]
    public void Plan_TooLittleMemory_IsRefusedWithTheNumbers()
    {
        PlanningRequest request = Request(3, 1, 1) with { KvBlocks = 100, LeastKvBlocks = 10 };
        request = request with { Silos = [.. request.Silos.Select(silo => silo with { MemoryBytes = 305 })] };

        string message = Assert.Throws<InsufficientMemoryException>(() => ClusterPlanner.Plan(request)).Message;

        Assert.Equal(
            "memory: expected at least 600 bytes (300 for weights, 300 for 160 tokens of KV cache; a layer, up to 200, cannot be divided; s0 has 305, s1 has 305), found 610 free",
            message);
    }

    [Fact]
    public void Plan_MoreReplicasThanSilos_IsRefused() =>
        Assert.Contains("expected at most 2, one for each silo, found 3", Assert.Throws<InsufficientMemoryException>(() => ClusterPlanner.Plan(Request(3, 1, 1) with { Replicas = 3 })).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(0.5, 2)]
    [InlineData(1, 2)]
    [InlineData(3, 3)]
    [InlineData(5, 4)]
    [InlineData(20, 16)]
    public void Milliseconds_BetweenAndBeyondPoints_AreStraightLines(double tokens, double expected) =>
        Assert.Equal(expected, new StepTimes(new Dictionary<int, double> { [5] = 4, [1] = 2 }).Milliseconds(tokens), 9);

    /// <summary>Layers of 100 bytes and 10 a block, one block, times in proportion to the tokens, links that cost nothing.</summary>
    [Fact]
    public void Plan_MoreStagesThanRequests_AreUsedWhereTheyMakeTheSlowestFaster()
    {
        // Two requests for each replica: on two stages they wait for the one with two layers, on three only for their own passes.
        ClusterPlan plan = ClusterPlanner.Plan(Request(3, [.. Enumerable.Repeat(1.0, 96)]) with { Replicas = 32 });

        Assert.All(plan.Replicas, replica => Assert.Equal(3, replica.Stages.Length));
        Assert.Equal(1000 * 64 / 3.0, plan.Predict(64).TokensPerSecond, 9);
    }

    private static PlanningRequest Request(int layers, params double[] millisecondsPerToken) => new()
    {
        Model = new ModelShape
        {
            Layers = [.. Enumerable.Repeat(new LayerShape(100, 10), layers)],
            Embedding = new PartShape(0, 0),
            Head = new PartShape(0, 0),
            BorderBytesPerToken = 1,
        },
        Silos = [.. millisecondsPerToken.Select((time, i) => new SiloResources($"s{i}", "cpu", 1 << 20, new StepTimes([new(1, time)])))],
        KvBlocks = 1,
    };

    private static StagePlan Plan(PlanningRequest request) => ClusterPlanner.Plan(request).Replicas[0];

    private static int LayersOn(ClusterPlan plan, int silo) => plan.Replicas[0].Stages.Where(stage => stage.Silo == silo).Sum(stage => stage.LayerCount);
}
