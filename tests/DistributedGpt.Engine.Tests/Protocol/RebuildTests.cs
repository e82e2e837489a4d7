using static DistributedGpt.Engine.CoordinatorCommand;

namespace DistributedGpt.Engine.Tests;

/// <summary>Stages that have lost their caches compute the live sequences again, from what those before them have logged.</summary>
public sealed class RebuildTests
{
    private static readonly Guid Client = new(9, 0, 0, new byte[8]);

    private readonly GenerateRequest _request = new()
    {
        Id = new Guid(7, 0, 0, new byte[8]), PromptIds = [.. Enumerable.Range(1, 40)], MaxTokens = 4, Sampling = new SamplingOptions(),
    };

    private readonly Scheduler _scheduler = new(
        new SchedulerOptions { ContextLength = 100, VocabularySize = 1000, MaxInFlight = 3, TokenBudget = 40 }, new BlockPool(8), new BlockHasher("model"));

    private readonly CoordinatorProtocol _coordinator;

    public RebuildTests() => _coordinator = new CoordinatorProtocol(Guid.Empty, _scheduler, new CoordinatorOptions());

    [Fact]
    public void Of_AStageIsLost_StartsAtItFromTheLogBefore() =>
        Assert.Equal([new StageRange(1, 2)], Plan([Known(0), Lost, Known(2)], live: [4, 5]));

    [Fact]
    public void Of_TheFirstIsLost_StartsAtTheIds() =>
        Assert.Equal([new StageRange(0, 1)], Plan([Lost, Known(1)], live: [4]));

    [Fact]
    public void Of_NeighboursAreLost_GoesBackOneBorderMore() =>
        Assert.Equal([new StageRange(1, 3)], Plan([Known(0), Lost, Lost, Known(3)], live: [4]));

    [Fact]
    public void Of_TwoApartAreLost_LeavesOutTheOneBetween() =>
        Assert.Equal([new StageRange(1, 2), new StageRange(3, 4)], Plan([Known(0), Lost, Known(2), Lost], live: [4]));

    [Fact]
    public void Of_ALogLacksALiveBlock_ItsStageComputesToo() =>
        Assert.Equal([new StageRange(1, 3)], Plan([Known(0), Known(1) with { Logged = [4] }, Lost], live: [4, 5]));

    [Fact]
    public void Of_NoLogIsWhole_GoesBackToTheIds() =>
        Assert.Equal([new StageRange(0, 3)], Plan([Known(0) with { Logged = [] }, Known(1) with { Logged = [] }, Lost], live: [4]));

    [Fact]
    public void Of_NothingIsLost_NobodyComputes() =>
        Assert.Empty(Plan([Known(0) with { Logged = [] }, Known(1)], live: [4]));

    [Fact]
    public void Attached_AStageHasLostItsCache_RebuildsItBeforeStepsGoOn()
    {
        Run();
        _coordinator.StepFailed(5, 1, null);
        Attach(6, [1], [20], [3]);

        Assert.Equal(CoordinatorState.Rebuilding, _coordinator.State);
        Assert.True(_coordinator.Next(Client, default).Recovers);
        StepBatch[] rebuild = Steps();
        Assert.Equal([(0, 0, 32), (1, 32, 8)], rebuild.Select(step => (step.Number, step.Sequences[0].FirstPosition, step.RowCount)));
        Assert.All(rebuild, step => Assert.Equal((new StageRange(1, 2), 0, null), (step.Rebuild, step.FirstOfRun, step.Sequences[0].Sampling)));
        Assert.Equal([2, 0], rebuild.Select(step => step.Fills.Length));

        // In any order: only the stages need theirs.
        _coordinator.StepReturned(6, 1);
        Assert.Empty(Steps());
        _coordinator.StepReturned(6, 0);
        Assert.Equal(CoordinatorState.Running, _coordinator.State);
        StepBatch next = Assert.Single(Steps());
        Assert.Equal((2, 2, null, 40), (next.Number, next.FirstOfRun, next.Rebuild, next.Sequences[0].FirstPosition));
    }

    [Fact]
    public void Attached_ARecoveryBeforeTheCachesAreRebuilt_RebuildsThemAll()
    {
        Run();
        _coordinator.Replan();
        Attach(6, [1], [20], [3]);
        _coordinator.StepReturned(6, 0);
        _coordinator.Replan();
        Steps();
        Attach(7, [1], [20], [30]);

        Assert.Equal([new StageRange(1, 3), new StageRange(1, 3)], Steps().Select(step => step.Rebuild));
    }

    [Fact]
    public void Attached_ARebuiltStageAgain_IsKnown()
    {
        Run();
        _coordinator.Replan();
        Attach(6, [1], [20], [3]);
        _coordinator.StepReturned(6, 0);
        _coordinator.StepReturned(6, 1);
        Steps();
        _coordinator.Replan();
        Attach(7, [1], [20], [3]);

        Assert.Equal([null], Steps().Select(step => step.Rebuild));
    }

    [Fact]
    public void Cancel_WhileCachesAreRebuilt_ShortensNothing()
    {
        Run();
        _coordinator.Replan();
        Attach(6, [1], [20], [3]);
        _coordinator.Cancel(_request.Id, 1);

        Assert.Equal([32, 8], Steps().Select(step => step.RowCount));
        Assert.Equal(CoordinatorState.Rebuilding, _coordinator.State);
        Assert.Equal(2, _scheduler.Status.BlocksCached);
    }

    [Fact]
    public void Attached_BlocksThatNobodyRuns_AreForgotten()
    {
        Run();
        _coordinator.Cancel(_request.Id, 1);
        _coordinator.Replan();
        Attach(6, [1], [20], [3]);

        Assert.Equal((CoordinatorState.Running, 0), (_coordinator.State, _scheduler.Status.BlocksCached));
    }

    [Fact]
    public void StepFailed_AStageThrowsInARebuild_ComputesTheSequencesAsIfTheyWereNew()
    {
        Run();
        _coordinator.Replan();
        Attach(6, [1], [20], [3]);
        _coordinator.StepFailed(6, 0, new StageRefusal(RefusalReason.Threw, 6));
        Steps();
        Attach(7, [1], [20], [3]);

        StepBatch step = Steps()[0];
        Assert.Equal((null, 0), (step.Rebuild, step.Sequences[0].FirstPosition));
    }

    [Fact]
    public void TimerElapsed_AStepOfARebuildHangs_RaisesTheEpoch()
    {
        Run();
        _coordinator.Replan();
        Commands();
        Attach(6, [1], [20], [3]);
        CoordinatorTimer timer = Commands().OfType<StartTimer>().Single(each => each.Timer.Kind == CoordinatorTimerKind.Step).Timer;
        _coordinator.TimerElapsed(timer);

        Assert.Equal([new RaiseEpoch(null)], Commands());
    }

    private static AttachReply Lost => new() { Incarnations = [99], Logged = [1, 2, 3, 4, 5, 6] };

    private static AttachReply Known(long incarnation) => Lost with { Incarnations = [incarnation] };

    private static IReadOnlyList<StageRange> Plan(AttachReply[] stages, int[] live) => RebuildPlan.Of(stages, new HashSet<long> { 0, 1, 2, 3 }, live);

    /// <summary>A prompt of two and a half blocks is computed, and a step is on its way.</summary>
    private void Run()
    {
        _coordinator.Start();
        _coordinator.Submit(_request, Client);
        Attach(5, [1], [2], [3]);
        _coordinator.Completed(5, 0, [new SampledToken(new SequenceId(_request.Id, 0), 40, 42)]);
        Commands();
    }

    private void Attach(long epoch, params long[][] incarnations)
    {
        _coordinator.EpochRaised(epoch, incarnations.Length);
        for (int stage = 0; stage < incarnations.Length; stage++)
            _coordinator.Attached(epoch, stage, new AttachReply { Incarnations = incarnations[stage], Logged = [.. Enumerable.Range(0, 8)] });
    }

    private StepBatch[] Steps() => [.. Commands().OfType<ExecuteStep>().Select(execute => execute.Batch)];

    private CoordinatorCommand[] Commands()
    {
        var commands = new List<CoordinatorCommand>();
        while (_coordinator.TryTake(out CoordinatorCommand? command)) commands.Add(command);
        return [.. commands];
    }
}
