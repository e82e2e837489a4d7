using CsCheck;

namespace DistributedGpt.Engine.Tests;

public sealed class RebalancePolicyTests
{
    private static readonly TimeSpan s_tick = TimeSpan.FromSeconds(2);

    private readonly RebalancePolicy _policy = new();
    private TimeSpan _now = TimeSpan.FromHours(1);

    [Fact]
    public void IsToMove_ABetterPlanHolds_OnceItHasHeld()
    {
        Assert.Equal(RebalancePolicy.Hold, WaitForMove(100, 150));
    }

    [Fact]
    public void IsToMove_ABetterPlanComesAndGoes_Never()
    {
        for (int i = 0; i < 1000; i++)
        {
            Assert.False(Weigh(true, 100, 150));
            Pass(RebalancePolicy.Hold - 2 * s_tick);
            Assert.False(Weigh(true, 100, 150));
            Assert.False(Weigh(false, 100, 105));
        }
    }

    [Fact]
    public void IsToMove_AfterAMoveThatKeptItsPromise_OnceThePauseIsOver()
    {
        WaitForMove(100, 150);

        Assert.Equal(RebalancePolicy.LeastPause, WaitForMove(149, 200));
        Assert.Equal(RebalancePolicy.LeastPause, _policy.Pause);
    }

    [Fact]
    public void IsToMove_AfterMovesThatDidNot_WaitsTwiceAsLongEachTime()
    {
        WaitForMove(100, 150);

        Assert.Equal(RebalancePolicy.LeastPause, WaitForMove(100, 150));
        Assert.Equal(2 * RebalancePolicy.LeastPause, WaitForMove(100, 150));
        Assert.Equal(4 * RebalancePolicy.LeastPause, WaitForMove(100, 150));
    }

    [Fact]
    public void IsToMove_AfterALongCalm_WaitsAsAtFirst()
    {
        WaitForMove(100, 150);
        WaitForMove(100, 150);
        Pass(RebalancePolicy.CalmPauses * _policy.Pause);

        WaitForMove(150, 200);

        Assert.Equal(RebalancePolicy.LeastPause, _policy.Pause);
    }

    /// <summary>Two plans, either of which is the better one for a while: moves become rare, however the speeds are.</summary>
    [Fact]
    public void IsToMove_PlansTakeTurnsAtBeingBetter_SeldomerAndSeldomer() => Gen.Select(
            Gen.Double[RebalancePolicy.Hold.TotalSeconds, 1.9 * RebalancePolicy.CalmPauses * RebalancePolicy.LeastPause.TotalSeconds],
            Gen.Double[1, 3].Array[4])
        .Sample(
            (period, speeds) =>
            {
                var policy = new RebalancePolicy();
                TimeSpan week = TimeSpan.FromDays(7);
                int plan = 0, moves = 0;
                for (TimeSpan now = TimeSpan.Zero; now < week; now += s_tick)
                {
                    int turn = (int)(now.TotalSeconds / period) % 2;
                    double speed = speeds[2 * turn + plan], other = speeds[2 * turn + 1 - plan];
                    if (!policy.IsToMove(now, other >= 1.1 * speed, speed, Math.Max(speed, other))) continue;
                    plan = 1 - plan;
                    moves++;
                }

                Assert.InRange(moves, 0, 2 * Math.Log2(week / RebalancePolicy.LeastPause) + 3);
            },
            iter: 100);

    private bool Weigh(bool isWorthwhile, double speed, double best)
    {
        bool move = _policy.IsToMove(_now, isWorthwhile, speed, best);
        Pass(s_tick);
        return move;
    }

    private void Pass(TimeSpan time) => _now += time;

    /// <summary>How long it takes from now until a move that is worthwhile all the time is decided.</summary>
    private TimeSpan WaitForMove(double speed, double best)
    {
        TimeSpan start = _now;
        while (!_policy.IsToMove(_now, true, speed, best)) Pass(TimeSpan.FromSeconds(1));
        return _now - start;
    }
}
