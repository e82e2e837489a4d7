namespace DistributedGpt.Engine.Tests;

public sealed class ReplicaRouterTests
{
    private static readonly BlockHash[] None = [];

    [Fact]
    public void Route_NothingInCommon_SharesEvenly()
    {
        var router = new ReplicaRouter(3);

        int[] chosen = [.. Enumerable.Range(0, 9).Select(i => router.Route(Prompt(i), 1))];

        Assert.Equal([0, 1, 2, 0, 1, 2, 0, 1, 2], chosen);
    }

    [Fact]
    public void Route_IdleAgain_SharesEvenlyAllTheSame()
    {
        var router = new ReplicaRouter(2);
        List<int> chosen = [];
        for (int i = 0; i < 4; i++)
        {
            chosen.Add(router.Route(Prompt(i), 1));
            Idle(router, 2);
        }

        Assert.Equal([0, 1, 0, 1], chosen);
    }

    [Fact]
    public void Route_BeginningThatWasSentBefore_GoesToItsReplica()
    {
        var router = new ReplicaRouter(2);
        router.Route(None, 1);
        Assert.Equal(1, router.Route(Prompt(1, 2, 3), 1));

        Assert.Equal(1, router.Route(Prompt(1, 2, 4), 1));
        Assert.Equal(0, router.Route(Prompt(5, 2, 3), 1));
    }

    [Fact]
    public void Route_LongerBeginning_Wins()
    {
        var router = new ReplicaRouter(2);
        Assert.Equal(0, router.Route(Prompt(1, 2, 3), 1));
        Assert.Equal(1, router.Route(Prompt(9), 3));
        Assert.Equal(0, router.Route(None, 1));
        Assert.Equal(0, router.Route(None, 1));
        Assert.Equal(0, router.Route(Prompt(9, 2), 1, avoid: 1));

        Assert.Equal(0, router.Route(Prompt(9, 2, 3), 1));
        Assert.Equal(0, router.Route(Prompt(1, 2, 3), 1));
    }

    [Fact]
    public void Route_HotPrefix_SpreadsAsItsReplicaGetsBusy()
    {
        var router = new ReplicaRouter(2);
        int[] sent = [0, 0];
        for (int i = 0; i < 100; i++)
        {
            sent[router.Route(Prompt(1, 2, 3), 1)]++;
            Assert.InRange(Math.Abs(sent[0] - sent[1]), 0, (int)(sent.Min() * (ReplicaRouter.BusierFactor - 1)) + ReplicaRouter.BusierBy + 1);
        }

        Assert.All(sent, count => Assert.True(count > 0));
    }

    [Fact]
    public void Route_ReportedLoad_CountsUntilTheNext()
    {
        var router = new ReplicaRouter(2);
        router.Report(0, new ReplicaLoad(true, 10));

        Assert.Equal(1, router.Route(None, 8));
        Assert.Equal(1, router.Route(None, 3));
        Assert.Equal(0, router.Route(None, 1));
        router.Report(1, new ReplicaLoad(true, 2));
        Assert.Equal(1, router.Route(None, 1));
    }

    [Fact]
    public void Route_ReplicaThatDoesNotServe_IsPassedOverAndItsCachesForgotten()
    {
        var router = new ReplicaRouter(2);
        Assert.Equal(0, router.Route(Prompt(1), 1));
        router.Report(0, new ReplicaLoad(false, 0));
        Assert.Equal(1, router.Route(Prompt(1), 1));
        Assert.Equal(1, router.Route(None, 1));
        router.Report(0, new ReplicaLoad(true, 0));

        Assert.Equal(1, router.Route(Prompt(1), 1));
        Assert.Equal(0, router.Route(None, 1));
    }

    [Fact]
    public void Route_AvoidedReplica_IsChosenOnlyWhereNoOtherServes()
    {
        var router = new ReplicaRouter(2);
        router.Route(Prompt(1), 1);

        Assert.Equal(1, router.Route(Prompt(1), 1, avoid: 0));
        router.Report(1, new ReplicaLoad(false, 0));
        Assert.Equal(0, router.Route(Prompt(1), 1, avoid: 0));
        router.Report(0, new ReplicaLoad(false, 0));
        Assert.Equal(1, router.Route(Prompt(1), 1, avoid: 1));
    }

    [Fact]
    public void Route_MoreBeginningsThanItKeeps_StaysBounded()
    {
        var router = new ReplicaRouter(2);
        Assert.Equal(0, router.Route(Prompt(-1), 1));
        for (int i = 0; i < 100_000; i++)
        {
            router.Route(Prompt(i), 1);
            Idle(router, 2);
        }

        Assert.Equal(router.Route(Prompt(99_999), 0), router.Route(Prompt(99_999), 0));
        Idle(router, 2);
        int next = router.Route(None, 0);
        Assert.NotEqual(next, router.Route(Prompt(-1), 0));
    }

    private static void Idle(ReplicaRouter router, int replicas)
    {
        for (int replica = 0; replica < replicas; replica++) router.Report(replica, new ReplicaLoad(true, 0));
    }

    /// <summary>The beginnings of a prompt, each of which says all that is before it.</summary>
    private static BlockHash[] Prompt(params int[] pieces)
    {
        var prefixes = new BlockHash[pieces.Length];
        ulong hash = 17;
        for (int i = 0; i < pieces.Length; i++) prefixes[i] = new BlockHash(hash = hash * 1_000_003 + (ulong)(pieces[i] + 2), (ulong)i);
        return prefixes;
    }
}
