using CsCheck;

namespace DistributedGpt.Engine.Tests;

/// <summary>The planner against the best of all plans.</summary>
public sealed class ClusterPlannerSearchTests
{
    private const double Rounding = 1e-6;

    [Fact]
    public void Plan_EqualLayersOneReplica_IsTheBestOfAll() =>
        PlanGenerators.Uniform(mostSilos: 6, mostLayers: 9).Sample(request => AssertAtLeast(1 - Rounding, request, 1), iter: 3000);

    [Fact]
    public void Plan_UnlikeLayersAndLinks_IsTheBestOfAll() =>
        PlanGenerators.Unlike(mostSilos: 6, mostLayers: 9).Sample(request => AssertAtLeast(1 - Rounding, request, 1), iter: 5000);

    [Fact]
    public void Plan_Replicas_AreTheBestOfAll() =>
        Gen.Select(Gen.OneOf(PlanGenerators.Uniform(6, 6), PlanGenerators.Unlike(6, 6)), Gen.Int[2, 4])
            .Sample((request, replicas) => AssertAtLeast(1 - Rounding, request, replicas), iter: 1000);

    [Fact]
    public void Plan_EightSilos_IsTheBestOfAll() =>
        Gen.Select(Gen.OneOf(PlanGenerators.Uniform(8, 7), PlanGenerators.Unlike(8, 7)).Where(request => request.Silos.Count == 8), Gen.Int[1, 3])
            .Sample((request, replicas) => AssertAtLeast(1 - Rounding, request, replicas), iter: 25);

    [Fact]
    public void Plan_AutomaticReplicas_IsTheBestNumberOfThem() =>
        Gen.OneOf(PlanGenerators.Uniform(5, 6), PlanGenerators.Unlike(5, 6)).Sample(
            request =>
            {
                double best = Enumerable.Range(1, request.Silos.Count).Max(replicas => TryPlan(request with { Replicas = replicas }) is { } plan ? new PlanChecker(request, replicas).SpeedOf(plan) : 0);
                ClusterPlan? automatic = TryPlan(request with { Replicas = null });
                double speed = automatic is null ? 0 : new PlanChecker(request, automatic.Replicas.Count).SpeedOf(automatic);
                Assert.InRange(speed, best * (1 - Rounding), best * (1 + Rounding));
            },
            iter: 300);

    [Fact]
    public void Plan_WithoutSomeSilos_IsNeverFaster() =>
        Gen.Select(Gen.OneOf(PlanGenerators.Uniform(12, 30), PlanGenerators.Unlike(8, 12)), Gen.Int[0, int.MaxValue]).Sample(
            (request, some) =>
            {
                SiloResources[] left = [.. request.Silos.Where((_, i) => (some >> i & 1) != 0)];
                int[] places = [.. Enumerable.Range(0, request.Silos.Count).Where(i => (some >> i & 1) != 0)];
                if (left.Length == 0) return;
                var network = new SiloNetwork(request.Network.Usual, request.Network.Exceptions
                    .Where(link => places.Contains(link.Key.Item1) && places.Contains(link.Key.Item2))
                    .ToDictionary(link => (Array.IndexOf(places, link.Key.Item1), Array.IndexOf(places, link.Key.Item2)), link => link.Value));
                PlanningRequest smaller = request with { Silos = left, Network = network };
                if (TryPlan(smaller) is not { } fewer) return;
                double whole = ClusterPlanner.Plan(request).Predict(ClusterPlanner.FullLoad).TokensPerSecond;
                Assert.InRange(fewer.Predict(ClusterPlanner.FullLoad).TokensPerSecond, 0, whole * (1 + Rounding));
            },
            iter: 2000);

    [Fact]
    public void Plan_ManySilosAndLayers_IsAsGoodAsASlowExactSearch() =>
        PlanGenerators.Uniform(mostSilos: 30, mostLayers: 40).Sample(
            request =>
            {
                double best = new EqualLayerChecker(request).BestSpeed();
                ClusterPlan? plan = TryPlan(request);
                double speed = plan is null ? 0 : new PlanChecker(request).SpeedOf(plan);
                Assert.InRange(speed, best * (1 - Rounding), best * (1 + Rounding));
            },
            iter: 60);

    [Fact]
    public void Plan_MoreUnlikeSilosThanAreAllTried_IsNotFarFromTheBestOfAll() =>
        PlanGenerators.Unlike(mostSilos: 10, mostLayers: 7).Where(request => request.Silos.Count > 8).Sample(request => AssertAtLeast(0.75, request, 1), iter: 100);

    private static void AssertAtLeast(double share, PlanningRequest request, int replicas)
    {
        var checker = new PlanChecker(request, replicas);
        double best = checker.BestSpeed();
        ClusterPlan? plan = TryPlan(request with { Replicas = replicas });
        double speed = plan is null ? 0 : checker.SpeedOf(plan);
        Assert.InRange(speed, best * share, best * (1 + Rounding));
    }

    private static ClusterPlan? TryPlan(PlanningRequest request)
    {
        try
        {
            return ClusterPlanner.Plan(request);
        }
        catch (InsufficientMemoryException)
        {
            return null;
        }
    }
}
