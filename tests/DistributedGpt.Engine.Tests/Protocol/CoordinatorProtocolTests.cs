using static DistributedGpt.Engine.CoordinatorCommand;

namespace DistributedGpt.Engine.Tests;

public sealed class CoordinatorProtocolTests
{
    private static readonly Guid Client = new(9, 0, 0, new byte[8]);
    private static readonly AttachReply Empty = new() { Incarnations = [1] };

    private readonly GenerateRequest _request = new()
    {
        Id = new Guid(7, 0, 0, new byte[8]), PromptIds = [1, 2, 3], MaxTokens = 4, Sampling = new SamplingOptions(),
    };

    private readonly Scheduler _scheduler = new(
        new SchedulerOptions { ContextLength = 100, VocabularySize = 1000, MaxInFlight = 2 }, new BlockPool(8), new BlockHasher("model"));

    private readonly CoordinatorProtocol _coordinator;

    public CoordinatorProtocolTests() => _coordinator = new CoordinatorProtocol(Guid.Empty, _scheduler, new CoordinatorOptions());

    [Fact]
    public void Start_StagesFollow_RunsStepsOnlyWhenAllHaveAttached()
    {
        _coordinator.Start();
        Assert.Equal([new RaiseEpoch(null)], Commands());
        Assert.NotNull(_coordinator.Submit(_request, Client));
        _coordinator.EpochRaised(5, 2);
        Assert.Equal([new AttachStage(5, 0), new AttachStage(5, 1)], Commands().OfType<AttachStage>());
        _coordinator.Attached(5, 1, Empty);
        _coordinator.Attached(4, 0, Empty);
        Assert.DoesNotContain(Commands(), command => command is ExecuteStep);
        _coordinator.Attached(5, 0, Empty);
        StepBatch batch = Assert.Single(Commands().OfType<ExecuteStep>()).Batch;
        Assert.Equal((5, 0, 3), (batch.Epoch, batch.Number, batch.RowCount));
        Assert.Equal(CoordinatorState.Running, _coordinator.State);
    }

    [Fact]
    public void Completed_CurrentStep_DeliversItsTokenAndSchedulesTheNextStep()
    {
        Run();
        _coordinator.Completed(5, 0, [Token(3, 42)]);
        CoordinatorCommand[] commands = Commands();
        Assert.Contains(new Deliver(Client), commands);
        Assert.Equal(1, Assert.Single(commands.OfType<ExecuteStep>()).Batch.Number);
        Assert.Equal([42], _coordinator.Next(Client, default).Entries.Select(entry => entry.Token.Id));
    }

    [Fact]
    public void Completed_OlderEpochOrTwice_ChangesNothing()
    {
        Run();
        _coordinator.Completed(4, 0, [Token(3, 41)]);
        Assert.Empty(Commands());
        _coordinator.Completed(5, 0, [Token(3, 42)]);
        Commands();
        _coordinator.Completed(5, 0, [Token(3, 42)]);
        Assert.Empty(Commands());
        Assert.Single(_coordinator.Next(Client, default).Entries);
    }

    [Fact]
    public void Completed_LaterStepFirst_WaitsForTheEarlierOne()
    {
        Run();
        var second = _request with { Id = new Guid(8, 0, 0, new byte[8]) };
        _coordinator.Submit(second, Client);
        Assert.Equal(1, Assert.Single(Commands().OfType<ExecuteStep>()).Batch.Number);

        _coordinator.Completed(5, 1, [new SampledToken(new SequenceId(second.Id, 0), 3, 50)]);
        Assert.Empty(_coordinator.Next(Client, default).Entries);
        _coordinator.Completed(5, 0, [Token(3, 42)]);
        Assert.Equal([42, 50], _coordinator.Next(Client, default).Entries.Select(entry => entry.Token.Id));
    }

    [Fact]
    public void StepFailed_AfterAnotherCompleted_RaisesTheEpochAtOnceAndComputesAgain()
    {
        Run();
        _coordinator.Completed(5, 0, [Token(3, 42)]);
        Commands();

        _coordinator.StepFailed(5, 1, null);

        Assert.Equal([new RaiseEpoch(null)], Commands());
        _coordinator.Submit(_request with { Id = Guid.Empty }, Client);
        _coordinator.Completed(5, 1, [Token(4, 43)]);
        Assert.DoesNotContain(Commands(), command => command is ExecuteStep);
        Attach(6);
        StepBatch again = Assert.Single(Commands().OfType<ExecuteStep>()).Batch;
        Assert.Equal((6, 0, 3), (again.Epoch, again.Number, again.Sequences[0].FirstPosition));
    }

    [Fact]
    public void StepFailed_NothingCompletedInTheEpoch_PausesFirst()
    {
        Run();
        _coordinator.StepFailed(5, 0, null);
        StartTimer timer = Assert.IsType<StartTimer>(Assert.Single(Commands()));
        _coordinator.TimerElapsed(timer.Timer);
        Assert.Equal([new RaiseEpoch(null)], Commands());
    }

    [Fact]
    public void StepFailed_ThrewAgainAndAgain_EndsTheRequestAndServesTheNext()
    {
        Run();
        _coordinator.StepFailed(5, 0, new StageRefusal(RefusalReason.Threw, 5));
        Assert.Equal([new RaiseEpoch(null)], Commands());
        Attach(6);
        _coordinator.StepFailed(6, 0, new StageRefusal(RefusalReason.Threw, 6));
        Attach(7);
        Commands();
        Assert.Empty(_coordinator.Next(Client, default).Entries);

        _coordinator.StepFailed(7, 0, new StageRefusal(RefusalReason.Threw, 7));

        Assert.Equal([new Deliver(Client), new RaiseEpoch(null)], Commands());
        TokenEvent end = Assert.Single(_coordinator.Next(Client, default).Entries).Token;
        Assert.Equal((FinishReason.Error, 3, true), (end.FinishReason, end.Position, end.IsStopToken));
        _coordinator.Submit(_request with { Id = new Guid(8, 0, 0, new byte[8]) }, Client);
        Attach(8);
        Assert.Single(Commands().OfType<ExecuteStep>());
    }

    [Fact]
    public void EpochFailed_NoPlaceForLong_EndsRequestsWithTheReason()
    {
        Run();
        _coordinator.Replan();
        Commands();
        _coordinator.EpochFailed("no silo has 3 bytes free");
        CoordinatorTimer patience = Commands().OfType<StartTimer>().Single(timer => timer.Timer.Kind == CoordinatorTimerKind.Place).Timer;
        _coordinator.EpochFailed("no silo has 2 bytes free");
        Assert.DoesNotContain(Commands().OfType<StartTimer>(), timer => timer.Timer.Kind == CoordinatorTimerKind.Place);
        Assert.Empty(_coordinator.Next(Client, default).Entries);

        _coordinator.TimerElapsed(patience);

        Assert.Contains(new Deliver(Client), Commands());
        TokenEvent end = Assert.Single(_coordinator.Next(Client, default).Entries).Token;
        Assert.Equal((FinishReason.Error, 3, "no silo has 2 bytes free"), (end.FinishReason, end.Position, end.Reason));

        // One that comes now waits as long.
        _coordinator.Submit(_request with { Id = new Guid(8, 0, 0, new byte[8]) }, Client);
        _coordinator.EpochFailed("no silo has 2 bytes free");
        Assert.NotEqual(patience, Commands().OfType<StartTimer>().Single(timer => timer.Timer.Kind == CoordinatorTimerKind.Place).Timer);
    }

    [Fact]
    public void EpochFailed_PlaceInTime_GivesNobodyUp()
    {
        Run();
        _coordinator.Replan();
        _coordinator.EpochFailed("no silo has 3 bytes free");
        CoordinatorTimer patience = Commands().OfType<StartTimer>().Single(timer => timer.Timer.Kind == CoordinatorTimerKind.Place).Timer;
        Attach(6);
        _coordinator.TimerElapsed(patience);
        Assert.Single(Commands().OfType<ExecuteStep>());

        // The storage being away is no lack of room.
        _coordinator.Replan();
        _coordinator.EpochFailed("no silo has 3 bytes free");
        patience = Commands().OfType<StartTimer>().Single(timer => timer.Timer.Kind == CoordinatorTimerKind.Place).Timer;
        _coordinator.EpochFailed();
        _coordinator.TimerElapsed(patience);
        Assert.Empty(_coordinator.Next(Client, default).Entries);
    }

    [Fact]
    public void StepFailed_LostHoweverOften_GivesNobodyUp()
    {
        Run();
        for (int epoch = 5; epoch < 50; epoch++)
        {
            _coordinator.StepFailed(epoch, 0, epoch % 2 == 0 ? null : new StageRefusal(RefusalReason.Incarnation, epoch));
            _coordinator.TimerElapsed(Commands().OfType<StartTimer>().Single().Timer);
            Attach(epoch + 1);
            Assert.Single(Commands().OfType<ExecuteStep>());
        }

        Assert.Empty(_coordinator.Next(Client, default).Entries);
    }

    [Fact]
    public void StepFailed_ItsTokensHaveCome_ChangesNothing()
    {
        Run();
        _coordinator.Completed(5, 0, [Token(3, 42)]);
        Commands();
        _coordinator.StepFailed(5, 0, null);
        _coordinator.StepReturned(5, 0);
        Assert.Empty(Commands());
        Assert.Equal(CoordinatorState.Running, _coordinator.State);
    }

    [Fact]
    public void StepReturned_WithoutTokens_Recovers()
    {
        Run();
        _coordinator.StepReturned(5, 0);
        Assert.Equal(CoordinatorState.Raising, _coordinator.State);
    }

    [Fact]
    public void TimerElapsed_OldestStepStillInFlight_RaisesTheEpoch()
    {
        StartTimer timer = Run().OfType<StartTimer>().Single(each => each.Timer.Kind == CoordinatorTimerKind.Step);
        Assert.Equal(new CoordinatorOptions().FirstStepTimeout, timer.Due);
        _coordinator.TimerElapsed(timer.Timer);
        Assert.Equal([new RaiseEpoch(null)], Commands());
    }

    [Fact]
    public void TimerElapsed_AgainAndAgain_WaitsLongerEachTimeUntilAStepCompletes()
    {
        Run();
        _coordinator.Completed(5, 0, [Token(3, 42)]);
        _coordinator.TimerElapsed(new CoordinatorTimer(CoordinatorTimerKind.Step, 5, 0));
        StartTimer timer = StepTimer();
        foreach (int seconds in new[] { 10, 20, 40 })
        {
            Assert.Equal(TimeSpan.FromSeconds(seconds), timer.Due);
            _coordinator.TimerElapsed(timer.Timer);
            Attach(timer.Timer.Epoch + 1);
            timer = StepTimer();
        }

        _coordinator.Completed(8, 0, [Token(4, 43)]);
        _coordinator.TimerElapsed(timer.Timer);
        Assert.Equal(TimeSpan.FromSeconds(10), StepTimer().Due);

        StartTimer StepTimer() => Commands().OfType<StartTimer>().Last(each => each.Timer.Kind == CoordinatorTimerKind.Step);
    }

    [Fact]
    public void TimerElapsed_TheStepHasCompleted_WatchesTheOldest()
    {
        StartTimer timer = Run().OfType<StartTimer>().Single(each => each.Timer.Kind == CoordinatorTimerKind.Step);
        _coordinator.Completed(5, 0, [Token(3, 42)]);
        Commands();
        _coordinator.TimerElapsed(timer.Timer);
        Assert.Equal([new StartTimer(new CoordinatorTimer(CoordinatorTimerKind.Step, 5, 1), TimeSpan.FromSeconds(10))], Commands());
    }

    [Fact]
    public void StepFailed_RefusedByAHigherEpoch_StandsDownForGood()
    {
        Run();
        _coordinator.StepFailed(5, 0, new StageRefusal(RefusalReason.Epoch, 6));
        Assert.Equal([new StandDown(TimeSpan.FromSeconds(1))], Commands());
        Assert.Null(_coordinator.Submit(_request, Client));
        Assert.Equal(default, _coordinator.Next(Client, default).Session);
        _coordinator.Completed(5, 0, [Token(3, 42)]);
        Assert.Empty(Commands());
    }

    [Theory]
    [InlineData(6, CoordinatorState.Stopped)]
    [InlineData(5, CoordinatorState.Raising)]
    public void Attached_Refused_StandsDownOnlyBeforeAHigherEpoch(long epoch, CoordinatorState state)
    {
        _coordinator.Start();
        _coordinator.EpochRaised(5, 2);
        _coordinator.Attached(5, 0, new AttachReply { Refusal = new StageRefusal(RefusalReason.Incarnation, epoch) });
        Assert.Equal(state, _coordinator.State);
    }

    [Fact]
    public void EpochLost_WhileRaising_StandsDown()
    {
        _coordinator.Start();
        Commands();
        _coordinator.EpochLost();
        Assert.IsType<StandDown>(Assert.Single(Commands()));
    }

    [Fact]
    public void Attached_NewCoordinator_StartsWithTheBlocksThatAllStagesHold()
    {
        BlockHash hash = new(1, 1), other = new(2, 2);
        _coordinator.Start();
        _coordinator.EpochRaised(5, 2);
        _coordinator.Attached(5, 0, Empty with { Blocks = [new(1, hash), new(2, other), new(4, other)] });
        _coordinator.Attached(5, 1, Empty with { Blocks = [new(1, hash), new(2, hash)] });
        Assert.Equal(1, _scheduler.Status.BlocksCached);
    }

    [Fact]
    public void TimerElapsed_SilentSubscription_LosesItsRequests()
    {
        StartTimer timer = Run().OfType<StartTimer>().Single(each => each.Timer.Kind == CoordinatorTimerKind.Subscription);
        DeliverySession before = _coordinator.Next(Client, default).Session;
        _coordinator.TimerElapsed(timer.Timer);
        Assert.Contains(timer, Commands());
        Assert.True(_scheduler.Contains(_request.Id));
        _coordinator.TimerElapsed(timer.Timer);
        Assert.False(_scheduler.Contains(_request.Id));
        Assert.NotEqual(before, _coordinator.Next(Client, default).Session);
    }

    [Fact]
    public void Submit_ClientHasOtherTokens_GoesOnFromTheClients()
    {
        Run();
        _coordinator.Completed(5, 0, [Token(3, 42)]);
        Commands();
        _coordinator.Submit(_request with { Submission = 2, Delivered = [[77]] }, Client);
        StepSequence rows = Assert.Single(Commands().OfType<ExecuteStep>()).Batch.Sequences[0];
        Assert.Equal([1, 2, 3, 77], rows.TokenIds);
    }

    [Fact]
    public void Submit_AgainWithAStoppedCompletion_ComputesItNoFurther()
    {
        _coordinator.Start();
        GenerateRequest request = _request with { Completions = 2 };
        _coordinator.Submit(request, Client);
        Attach(5);
        Commands();
        _coordinator.Completed(5, 0, [Token(3, 42), Token(3, 43) with { Sequence = new SequenceId(_request.Id, 1) }]);
        Commands();

        _coordinator.Submit(request with { Submission = 2, Delivered = [[42], [43]], Stopped = [0] }, Client);
        _coordinator.StepFailed(5, 1, null);
        Attach(6);

        Assert.Equal(1, Assert.Single(Assert.Single(Commands().OfType<ExecuteStep>()).Batch.Sequences).Id.Completion);
    }

    [Fact]
    public void Cancel_OfASubmissionBeforeTheLatest_ChangesNothing()
    {
        Run();
        _coordinator.Submit(_request with { Submission = 3 }, Client);

        _coordinator.Cancel(_request.Id, 2);
        Assert.True(_scheduler.Contains(_request.Id));
        _coordinator.Completed(5, 0, [Token(3, 42)]);
        Assert.Equal([42], _coordinator.Next(Client, default).Entries.Select(entry => entry.Token.Id));

        _coordinator.Cancel(_request.Id, 3);
        Assert.False(_scheduler.Contains(_request.Id));
    }

    [Fact]
    public void HasStreams_UntilTheLastTokenIsAcknowledged()
    {
        Run();
        for (int i = 0; i < _request.MaxTokens; i++) _coordinator.Completed(5, i, [Token(3 + i, 42)]);
        Assert.False(_scheduler.Contains(_request.Id));
        TokenBatch batch = _coordinator.Next(Client, default);
        Assert.True(_coordinator.HasStreams);

        _coordinator.Next(Client, new DeliveryAck(batch.Session, batch.Number));
        Assert.False(_coordinator.HasStreams);
    }

    [Fact]
    public void Next_WhileNoStepsRun_SaysThatItRecovers()
    {
        Run();
        Assert.False(_coordinator.Next(Client, default).Recovers);
        _coordinator.Completed(5, 0, [Token(3, 42)]);
        TokenBatch batch = _coordinator.Next(Client, default);
        _coordinator.Replan();
        Assert.Equal(batch with { Recovers = true }, _coordinator.Next(Client, default));
        _coordinator.EpochRaised(6, 2);
        Assert.True(_coordinator.Next(Client, default).Recovers);
        Attach(6);
        Assert.Same(batch, _coordinator.Next(Client, default));
        _coordinator.Replan();
        _coordinator.EpochLost();
        Assert.True(_coordinator.Next(Client, default).Recovers);
    }

    [Fact]
    public void Submit_ImpossibleRequest_ThrowsTheRefusal() =>
        Assert.Throws<RequestRefusedException>(() => _coordinator.Submit(_request with { MaxTokens = 1000 }, Client));

    private CoordinatorCommand[] Run()
    {
        _coordinator.Start();
        _coordinator.Submit(_request, Client);
        Attach(5);
        return Commands();
    }

    private void Attach(long epoch)
    {
        _coordinator.EpochRaised(epoch, 2);
        _coordinator.Attached(epoch, 0, Empty);
        _coordinator.Attached(epoch, 1, Empty);
    }

    private SampledToken Token(int position, int id) => new(new SequenceId(_request.Id, 0), position, id);

    private CoordinatorCommand[] Commands()
    {
        var commands = new List<CoordinatorCommand>();
        while (_coordinator.TryTake(out CoordinatorCommand? command)) commands.Add(command);
        return [.. commands];
    }
}
