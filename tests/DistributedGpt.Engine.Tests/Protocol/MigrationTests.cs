using static DistributedGpt.Engine.CoordinatorCommand;

namespace DistributedGpt.Engine.Tests;

/// <summary>The coordinator's side of a migration.</summary>
public sealed class MigrationTests
{
    private static readonly Guid Client = new(9, 0, 0, new byte[8]);
    private static readonly Guid Migration = new(5, 0, 0, new byte[8]);

    private readonly GenerateRequest _request = new()
    {
        Id = new Guid(7, 0, 0, new byte[8]), PromptIds = [.. Enumerable.Range(1, 20)], MaxTokens = 40, Sampling = new SamplingOptions(),
    };

    private readonly CoordinatorProtocol _coordinator = new(
        Guid.Empty,
        new Scheduler(new SchedulerOptions { ContextLength = 100, VocabularySize = 1000, MaxInFlight = 2 }, new BlockPool(8), new BlockHasher("model")),
        new CoordinatorOptions());

    public MigrationTests()
    {
        _coordinator.Start();
        _coordinator.Submit(_request, Client);
        Attach(5, 11, 12);
        Commands();
    }

    [Fact]
    public void Migrate_StepInFlight_FinishesTheCopiesOnlyWhenItHasEnded()
    {
        _coordinator.Migrate(Migration, 5);
        Assert.Empty(Commands());

        Complete(5, 0, 20);

        FinishCopies finish = Assert.Single(Commands().OfType<FinishCopies>());
        Assert.Equal((Migration, 5, 2), (finish.Migration, finish.Epoch, finish.LiveBlocks.Length));
        _coordinator.Submit(_request with { Id = Guid.Empty }, Client);
        Assert.DoesNotContain(Commands(), command => command is ExecuteStep);
    }

    [Fact]
    public void Copied_NewIncarnationAttaches_GoesOnWhereItWas()
    {
        Drain();
        _coordinator.Copied(Migration, new Dictionary<long, long> { [12] = 99 });
        Assert.Equal([new RaiseEpoch(Migration)], Commands());

        Attach(6, 11, 99);

        Assert.Equal(20, Step().FirstPosition);
    }

    [Fact]
    public void Copied_RecordWasNotChanged_GoesOnWhereItWas()
    {
        Drain();
        _coordinator.Copied(Migration, new Dictionary<long, long> { [12] = 99 });
        _coordinator.EpochFailed();
        Attach(6, 11, 12);

        Assert.Equal(20, Step().FirstPosition);
    }

    [Fact]
    public void Copied_TheCopyComesBackAfterStepsRanWithoutIt_IsNotTakenForTheLayer()
    {
        Drain();
        _coordinator.Copied(Migration, new Dictionary<long, long> { [12] = 99 });
        Attach(6, 11, 12);
        Complete(6, 0, 21);
        _coordinator.StepFailed(6, 1, null);
        Commands();
        Attach(7, 11, 99);

        Assert.Equal(0, Step().FirstPosition);
    }

    [Fact]
    public void Copied_AnotherMigrationOrTooLate_ChangesNothing()
    {
        Drain();
        _coordinator.Copied(Guid.Empty, new Dictionary<long, long>());
        Assert.Equal(CoordinatorState.Draining, _coordinator.State);
        _coordinator.CopyFailed(Migration);
        Commands();
        _coordinator.Copied(Migration, new Dictionary<long, long>());
        Assert.Empty(Commands());
        Assert.Equal(CoordinatorState.Running, _coordinator.State);
    }

    [Fact]
    public void CopyFailed_OrTakesTooLong_GoesOnAtOnceInTheSameEpoch()
    {
        StartTimer timer = Drain().OfType<StartTimer>().Single(each => each.Timer.Kind == CoordinatorTimerKind.Copy);
        _coordinator.TimerElapsed(timer.Timer);
        CoordinatorCommand[] commands = Commands();
        Assert.Equal(new GiveUpMigration(Migration), commands[0]);
        Assert.Equal((5, 1), commands.OfType<ExecuteStep>().Select(step => (step.Batch.Epoch, step.Batch.Number)).Single());
    }

    [Fact]
    public void StepFailed_WhileDraining_GivesTheMigrationUpAndRecovers()
    {
        _coordinator.Migrate(Migration, 5);
        _coordinator.StepFailed(5, 0, null);
        Assert.Contains(new GiveUpMigration(Migration), Commands());
        Assert.Equal(CoordinatorState.Raising, _coordinator.State);
    }

    [Fact]
    public void Migrate_TheEpochHasChanged_IsGivenUp()
    {
        _coordinator.Migrate(Migration, 4);
        Assert.Equal([new GiveUpMigration(Migration)], Commands());
        Assert.Equal(CoordinatorState.Running, _coordinator.State);
    }

    [Fact]
    public void Attached_LayersCutIntoOtherStages_KeepsTheCache()
    {
        Drain();
        _coordinator.Copied(Migration, new Dictionary<long, long>());
        _coordinator.EpochRaised(6, 1);
        _coordinator.Attached(6, 0, new AttachReply { Incarnations = [11, 12] });

        Assert.Equal(20, Step().FirstPosition);
    }

    private CoordinatorCommand[] Drain()
    {
        _coordinator.Migrate(Migration, 5);
        Complete(5, 0, 20);
        return Commands();
    }

    private StepSequence Step() => Assert.Single(Commands().OfType<ExecuteStep>()).Batch.Sequences[0];

    private void Complete(long epoch, int number, int position) => _coordinator.Completed(epoch, number, [new SampledToken(new SequenceId(_request.Id, 0), position, 42)]);

    private void Attach(long epoch, long first, long second)
    {
        _coordinator.EpochRaised(epoch, 2);
        _coordinator.Attached(epoch, 0, new AttachReply { Incarnations = [first] });
        _coordinator.Attached(epoch, 1, new AttachReply { Incarnations = [second] });
    }

    private CoordinatorCommand[] Commands()
    {
        var commands = new List<CoordinatorCommand>();
        while (_coordinator.TryTake(out CoordinatorCommand? command)) commands.Add(command);
        return [.. commands];
    }
}
