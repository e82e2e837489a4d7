namespace DistributedGpt.Engine.Tests;

public sealed class StageProtocolTests
{
    private static readonly long[] Layers = [11, 12];
    private static readonly BlockHash Hash = new(1, 2);

    private readonly StageProtocol<string> _stages = new();
    private readonly List<string> _dropped = [];

    [Fact]
    public void Attach_NewEpoch_NamesIncarnationsAndDropsHeldStepsOfAllStages()
    {
        Attach(3, stage: 0);
        Attach(3, stage: 2);
        Assert.Equal(StageVerdict.Hold, Begin(3, 1, "a", stage: 0).Verdict);
        Assert.Equal(StageVerdict.Hold, Begin(3, 2, "b", stage: 2).Verdict);

        AttachReply reply = Attach(4, stage: 0);

        Assert.Null(reply.Refusal);
        Assert.Equal(Layers, reply.Incarnations);
        Assert.Equal(["a", "b"], _dropped);
        Assert.Equal(new StageDecision(StageVerdict.Refused, new StageRefusal(RefusalReason.Epoch, 4)), Begin(3, 0, "c", stage: 2));
        Assert.Equal(new StageDecision(StageVerdict.Refused, new StageRefusal(RefusalReason.Epoch, 4)), Begin(4, 0, "d", stage: 2));
        Assert.Equal(StageVerdict.Run, Begin(4, 0, "e", stage: 0).Verdict);
    }

    [Fact]
    public void Attach_OlderEpoch_IsRefusedAndNamesTheStagesEpoch()
    {
        Attach(5);
        Assert.Equal(new StageRefusal(RefusalReason.Epoch, 5), Attach(4).Refusal);
        Assert.Equal(StageVerdict.Run, Begin(5, 0).Verdict);
    }

    [Fact]
    public void Attach_SameEpochAgain_AnswersAndChangesNothing()
    {
        Attach(5);
        Begin(5, 0);
        _stages.Finished(0);
        Begin(5, 2, "held");

        Assert.Null(Attach(5).Refusal);

        Assert.Empty(_dropped);
        Assert.Equal(StageVerdict.Duplicate, Begin(5, 0).Verdict);
        Assert.Equal(StageVerdict.Run, Begin(5, 1).Verdict);
        Assert.Equal("held", _stages.Finished(0));
    }

    [Fact]
    public void Attach_SameEpochWithALayerLoadedAnew_IsRefusedUntilTheNextEpoch()
    {
        Attach(5);
        Run(5, 0, fills: [new BlockFill(7, Hash)]);
        Assert.Equal(new StageRefusal(RefusalReason.Incarnation, 5), _stages.Attach(5, 0, [11, 99], null, _dropped).Refusal);

        AttachReply reply = _stages.Attach(6, 0, [11, 99], null, _dropped);

        Assert.Null(reply.Refusal);
        Assert.Equal([11, 99], reply.Incarnations);
        Assert.Empty(reply.Blocks);
    }

    [Fact]
    public void Begin_NeverAttached_IsRefused() =>
        Assert.Equal(new StageDecision(StageVerdict.Refused, new StageRefusal(RefusalReason.Epoch, 0)), Begin(1, 0));

    [Fact]
    public void Begin_LayerLoadedAnew_IsRefused()
    {
        Attach(1);
        StageDecision decision = _stages.Begin(Batch(1, 0), 0, [11, 99], "a");
        Assert.Equal(new StageDecision(StageVerdict.Refused, new StageRefusal(RefusalReason.Incarnation, 1)), decision);
    }

    [Fact]
    public void Begin_StepsOutOfOrder_RunInTheOrderOfTheirNumbers()
    {
        Attach(1);
        Assert.Equal(StageVerdict.Hold, Begin(1, 2, "two").Verdict);
        Assert.Equal(StageVerdict.Hold, Begin(1, 1, "one").Verdict);
        Assert.Equal(StageVerdict.Duplicate, Begin(1, 1, "one again").Verdict);
        Assert.Equal(StageVerdict.Run, Begin(1, 0).Verdict);
        Assert.Equal("one", _stages.Finished(0));
        Assert.Equal(StageVerdict.Run, Begin(1, 1).Verdict);
        Assert.Equal("two", _stages.Finished(0));
        Assert.Equal(StageVerdict.Run, Begin(1, 2).Verdict);
        Assert.Null(_stages.Finished(0));
        Assert.Equal(StageVerdict.Duplicate, Begin(1, 0).Verdict);
    }

    [Fact]
    public void Begin_WhileAnotherStepRuns_Throws()
    {
        Attach(1);
        Begin(1, 0);
        Assert.Throws<InvalidOperationException>(() => Begin(1, 1));
    }

    [Fact]
    public void Failed_Step_RefusesAllUntilTheNextEpochAndDropsHeldOnes()
    {
        Attach(1);
        Begin(1, 1, "held");
        Begin(1, 0);

        _stages.Failed(0, _dropped);

        Assert.Equal(["held"], _dropped);
        Assert.Equal(new StageDecision(StageVerdict.Refused, new StageRefusal(RefusalReason.Failed, 1)), Begin(1, 1));
        Attach(2);
        Assert.Equal(StageVerdict.Run, Begin(2, 0).Verdict);
    }

    [Fact]
    public void Attach_AfterFills_ListsTheBlocksThatNoLaterStepWrote()
    {
        Attach(1);
        Run(1, 0, fills: [new BlockFill(7, Hash), new BlockFill(3, Hash)]);
        Run(1, 1, table: [3, 5], first: 16, count: 4);
        Assert.Equal([new BlockFill(3, Hash), new BlockFill(7, Hash)], Attach(2).Blocks);

        Run(2, 0, table: [3, 5], first: 15, count: 1);

        Assert.Equal([new BlockFill(7, Hash)], Attach(3).Blocks);
    }

    [Fact]
    public void Attach_WhileAFillingStepHasNotFinished_DoesNotListItsBlock()
    {
        Attach(1);
        Run(1, 0, fills: [new BlockFill(7, Hash)]);
        _stages.Begin(Batch(1, 1, [7], 0, 16, [new BlockFill(7, new BlockHash(3, 4))]), 0, Layers, "a");
        _stages.Failed(0, _dropped);
        Assert.Empty(Attach(2).Blocks);
    }

    [Fact]
    public void BlocksOf_AttachedLayer_GivesItsFullBlocksToItsOwnEpochOnly()
    {
        Attach(1);
        Run(1, 0, fills: [new BlockFill(7, Hash)]);

        Assert.Equal([KeyValuePair.Create(7, Hash)], _stages.BlocksOf(1, 12)!);
        Assert.Null(_stages.BlocksOf(2, 12));
        Assert.Null(_stages.BlocksOf(1, 99));
        _stages.Begin(Batch(1, 1), 0, Layers, "a");
        _stages.Failed(0, _dropped);
        Assert.Null(_stages.BlocksOf(1, 12));
    }

    [Fact]
    public void Attach_LayerThatWasCopiedHere_HoldsWhatAllLayersOfTheStageHold()
    {
        Attach(1);
        Run(1, 0, fills: [new BlockFill(7, Hash), new BlockFill(8, Hash)]);
        _stages.Adopt(20, [new BlockFill(7, Hash), new BlockFill(9, Hash)]);

        Assert.Equal([new BlockFill(7, Hash)], _stages.Attach(2, 1, [12, 20], null, _dropped).Blocks);
    }

    [Fact]
    public void Attach_LayerLeavesItsStageAndComesBack_DoesNotHoldWhatWasWrittenWithoutIt()
    {
        Attach(1);
        Run(1, 0, fills: [new BlockFill(7, Hash)]);
        _stages.Attach(2, 0, [11], null, _dropped);
        _stages.Begin(Batch(2, 0, [8], 0, 16, [new BlockFill(8, Hash)]), 0, [11], "a");
        _stages.Finished(0);

        Assert.Equal([new BlockFill(7, Hash)], Attach(3).Blocks);
    }

    [Fact]
    public void Forget_ALayer_HoldsNothingWhenItIsMet()
    {
        Attach(1);
        Run(1, 0, fills: [new BlockFill(7, Hash)]);
        _stages.Forget(12);
        Assert.Empty(Attach(2).Blocks);
    }

    [Fact]
    public void Attach_BlocksWrittenFromTheirBeginning_AreLogged()
    {
        Attach(1, log: 50);
        Run(1, 0, [3, 4], first: 0, count: 20);
        Run(1, 1, [5, 6], first: 10, count: 10);
        Assert.Equal([3, 4, 6], Attach(2, log: 50).Logged);
    }

    [Fact]
    public void Attach_LogMadeAnew_HasNothing()
    {
        Attach(1, log: 50);
        Run(1, 0, [3]);
        Assert.Empty(Attach(2, log: 51).Logged);
        Assert.Empty(Attach(3, log: 50).Logged);
    }

    [Fact]
    public void Attach_LogThatAStepThrewInto_HasNotWhatTheStepBegan()
    {
        Attach(1, log: 50);
        Run(1, 0, [3, 4], count: 20);
        _stages.Begin(Batch(1, 1, [4], 0), 0, Layers, "");
        _stages.Failed(0, _dropped);
        Assert.Equal([3], Attach(2, log: 50).Logged);
    }

    [Theory]
    [InlineData(true, new int[0])]
    [InlineData(false, new[] { 9 })]
    public void Attach_LogThatWasLeftOutOfAnEpoch_HasItsBlocksIfNoStepRan(bool runs, int[] logged)
    {
        Attach(1, stage: 0, log: 50);
        Run(1, 0);
        Attach(2, stage: 1, log: 51);
        if (runs)
        {
            _stages.Begin(Batch(2, 0), 1, Layers, "");
            _stages.Finished(1);
        }

        Assert.Equal(logged, Attach(3, stage: 0, log: 50).Logged);
    }

    [Fact]
    public void Begin_RebuildBehindTheStage_IsSentAgainWheneverItComes()
    {
        Attach(1, log: 50);
        StepBatch rebuild = Batch(1, 1) with { Rebuild = new StageRange(1, 2) };
        Assert.Equal(StageVerdict.Resend, _stages.Begin(rebuild, 0, Layers, "").Verdict);
        Assert.Equal(StageVerdict.Refused, _stages.Begin(rebuild with { Epoch = 2 }, 0, Layers, "").Verdict);
        Assert.Equal(StageVerdict.Refused, _stages.Begin(rebuild, 0, [11, 99], "").Verdict);
        Run(1, 0);
    }

    [Fact]
    public void Begin_RunAfterAnother_StartsAtItsOwnNumberAndEndsTheFormer()
    {
        Attach(1);
        StepBatch rebuild = Batch(1, 0) with { Rebuild = new StageRange(0, 1) }, first = Batch(1, 3) with { FirstOfRun = 3 };
        Assert.Equal(StageVerdict.Run, _stages.Begin(rebuild, 0, Layers, "").Verdict);
        _stages.Finished(0);
        Assert.Equal(StageVerdict.Hold, _stages.Begin(first with { Number = 4 }, 0, Layers, "held").Verdict);
        Assert.Equal(StageVerdict.Run, _stages.Begin(first, 0, Layers, "").Verdict);
        Assert.Equal("held", _stages.Finished(0));
        Assert.Equal(StageVerdict.Duplicate, _stages.Begin(rebuild with { Number = 1 }, 0, Layers, "").Verdict);
    }

    [Fact]
    public void Finished_NothingRuns_Throws()
    {
        Attach(1);
        Assert.Throws<InvalidOperationException>(() => _stages.Finished(0));
    }

    private AttachReply Attach(long epoch, int stage = 0, long? log = null) => _stages.Attach(epoch, stage, Layers, log, _dropped);

    private StageDecision Begin(long epoch, int number, string step = "", int stage = 0) => _stages.Begin(Batch(epoch, number), stage, Layers, step);

    private void Run(long epoch, int number, int[]? table = null, int first = 0, int count = 1, BlockFill[]? fills = null)
    {
        Assert.Equal(StageVerdict.Run, _stages.Begin(Batch(epoch, number, table ?? [9], first, count, fills), 0, Layers, "").Verdict);
        _stages.Finished(0);
    }

    private static StepBatch Batch(long epoch, int number, int[]? table = null, int first = 0, int count = 1, BlockFill[]? fills = null) => new()
    {
        Epoch = epoch,
        Number = number,
        Fills = fills ?? [],
        Sequences = [new StepSequence { Id = default, TokenIds = new int[count], FirstPosition = first, BlockTable = table ?? [9] }],
    };
}
