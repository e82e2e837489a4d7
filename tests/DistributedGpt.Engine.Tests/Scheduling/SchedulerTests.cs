namespace DistributedGpt.Engine.Tests;

public sealed class SchedulerTests
{
    private const int Eos = 99;

    private static readonly SchedulerOptions Options = new()
    {
        TokenBudget = 32,
        MaxSequencesPerStep = 8,
        MaxRunning = 8,
        QueueLimit = 8,
        ContextLength = 100,
        VocabularySize = 100,
    };

    private int _requests;

    private static Scheduler New(SchedulerOptions? options = null, int blocks = 64) =>
        new(options ?? Options, new BlockPool(blocks), new BlockHasher("model"));

    private GenerateRequest Request(int prompt, int maxTokens = 8, int first = 0) => new()
    {
        Id = new Guid(++_requests, 0, 0, new byte[8]),
        PromptIds = [.. Enumerable.Range(first, prompt)],
        MaxTokens = maxTokens,
        Sampling = new SamplingOptions { EosTokenIds = [Eos] },
    };

    private static SampledToken[] Tokens(StepBatch step, int id = 50) =>
        [.. step.Sequences.Where(rows => rows.Sampling is not null).Select(rows => new SampledToken(rows.Id, rows.Length, id))];

    private static IReadOnlyList<TokenEvent> Complete(Scheduler scheduler, StepBatch step, int id = 50) =>
        scheduler.Complete(step.Number, Tokens(step, id));

    private static IReadOnlyList<TokenEvent> Throw(Scheduler scheduler, int number)
    {
        IReadOnlyList<TokenEvent> ends = scheduler.Fail(number);
        scheduler.Reset();
        return ends;
    }

    private static (int Request, int First, int Count)[] Rows(StepBatch? step) =>
        [.. step!.Sequences.Select(rows => ((int)rows.Id.Request.ToByteArray()[0], rows.FirstPosition, rows.TokenIds.Length))];

    [Fact]
    public void Schedule_LongPromptBesideDecodes_DecodesFirstThenAChunkThatFillsTheBudget()
    {
        Scheduler scheduler = New();
        scheduler.Add(Request(5));
        scheduler.Add(Request(6));
        Complete(scheduler, scheduler.Schedule(1, 0)!);
        scheduler.Add(Request(70));

        StepBatch second = scheduler.Schedule(1, 1)!;
        Complete(scheduler, second);
        StepBatch third = scheduler.Schedule(1, 2)!;
        Complete(scheduler, third);

        Assert.Equal([(1, 5, 1), (2, 6, 1), (3, 0, 30)], Rows(second));
        Assert.Equal([(1, 6, 1), (2, 7, 1), (3, 30, 30)], Rows(third));
        StepBatch fourth = scheduler.Schedule(1, 3)!;
        Assert.Equal([(1, 7, 1), (2, 8, 1), (3, 60, 10)], Rows(fourth));
        Assert.NotNull(fourth.Sequences[2].Sampling);
        Assert.Null(third.Sequences[2].Sampling);
        Assert.Equal(third.Sequences[2].BlockTable[1..3], third.Fills.Select(fill => fill.Block));
    }

    [Fact]
    public void Schedule_WaitingPrompts_AreTakenInOrderOfArrival()
    {
        Scheduler scheduler = New();
        foreach (int length in new[] { 20, 20, 3 }) scheduler.Add(Request(length));

        Assert.Equal([(1, 0, 20), (2, 0, 12)], Rows(scheduler.Schedule(1, 0)));
    }

    [Fact]
    public void Schedule_SeveralStepsInFlight_APromptHasConsecutiveChunksAndADecodeOneRow()
    {
        Scheduler scheduler = New(Options with { MaxInFlight = 3, TokenBudget = 10 });
        scheduler.Add(Request(25));

        StepBatch[] steps = [scheduler.Schedule(1, 0)!, scheduler.Schedule(1, 1)!, scheduler.Schedule(1, 2)!];
        Assert.Equal([(1, 0, 10), (1, 10, 10), (1, 20, 5)], steps.SelectMany(step => Rows(step)));
        Assert.Null(scheduler.Schedule(1, 3));

        Assert.Empty(Complete(scheduler, steps[0]));
        Assert.Null(scheduler.Schedule(1, 3));
        Assert.Empty(Complete(scheduler, steps[1]));
        Assert.Single(Complete(scheduler, steps[2]));
        Assert.Equal([(1, 25, 1)], Rows(scheduler.Schedule(1, 3)));
        Assert.Null(scheduler.Schedule(1, 4));
    }

    [Fact]
    public void Schedule_DecodesWithTwoStages_AreSpreadEvenlyOverSteps()
    {
        Scheduler scheduler = New(Options with { MaxInFlight = 2 });
        for (int i = 0; i < 5; i++) scheduler.Add(Request(3));
        Complete(scheduler, scheduler.Schedule(1, 0)!);

        StepBatch first = scheduler.Schedule(1, 1)!, second = scheduler.Schedule(1, 2)!;

        Assert.Equal([1, 2, 3], Rows(first).Select(rows => rows.Request));
        Assert.Equal([4, 5], Rows(second).Select(rows => rows.Request));
        Complete(scheduler, first);
        Assert.Equal([1, 2, 3], Rows(scheduler.Schedule(1, 3)).Select(rows => rows.Request));
    }

    [Theory]
    [InlineData(48, 32)] // the last token's block is computed again: its logits are needed
    [InlineData(49, 48)]
    [InlineData(50, 48)]
    [InlineData(16, 0)]
    public void Schedule_PromptSeenBefore_SkipsWholeBlocksButNeverTheLastToken(int length, int skipped)
    {
        Scheduler scheduler = New(Options with { TokenBudget = 64 });
        scheduler.Add(Request(length, maxTokens: 1));
        Complete(scheduler, scheduler.Schedule(1, 0)!);

        scheduler.Add(Request(length, maxTokens: 1));

        Assert.Equal([(2, skipped, length - skipped)], Rows(scheduler.Schedule(1, 1)));
        Assert.Equal(skipped, scheduler.Status.RowsSaved);
    }

    [Fact]
    public void Schedule_SamePromptUnderAnotherSalt_SharesNothing()
    {
        Scheduler scheduler = New();
        scheduler.Add(Request(20, maxTokens: 1));
        Complete(scheduler, scheduler.Schedule(1, 0)!);

        scheduler.Add(Request(20) with { CacheSalt = "other" });

        Assert.Equal([(2, 0, 20)], Rows(scheduler.Schedule(1, 1)));
    }

    [Fact]
    public void Schedule_SeveralCompletions_ShareThePromptsFullBlocksAndComputeTheTailEach()
    {
        Scheduler scheduler = New(Options with { TokenBudget = 64 });
        scheduler.Add(Request(40) with { Completions = 3 });

        StepBatch first = scheduler.Schedule(1, 0)!;
        Assert.Equal([(1, 0, 40)], Rows(first));
        Assert.Equal(2, scheduler.Status.Waiting);
        Complete(scheduler, first);

        StepBatch second = scheduler.Schedule(1, 1)!;
        Assert.Equal([(1, 40, 1), (1, 32, 8), (1, 32, 8)], Rows(second));
        Assert.Equal([0, 1, 2], second.Sequences.Select(rows => rows.Id.Completion));
        Assert.All(second.Sequences, rows => Assert.Equal(first.Sequences[0].BlockTable[..2], rows.BlockTable[..2]));
        Assert.Equal(3, second.Sequences.Select(rows => rows.BlockTable[2]).Distinct().Count());
        Assert.Equal(3, Complete(scheduler, second).Count);
    }

    [Fact]
    public void Schedule_BlocksRunOut_PreemptsTheYoungestWhichComesBackWithItsTokens()
    {
        Scheduler scheduler = New(blocks: 4);
        scheduler.Add(Request(16, maxTokens: 40));
        scheduler.Add(Request(16, maxTokens: 40, first: 20));
        var tokens = new List<TokenEvent>();
        int number = 0;
        StepBatch step = scheduler.Schedule(1, number++)!;
        for (; scheduler.Status.Preemptions == 0; step = scheduler.Schedule(1, number++)!) tokens.AddRange(Complete(scheduler, step));

        // Both have grown to two blocks, all there are; the first needs a third.
        Assert.Equal([(1, 32, 1)], Rows(step));
        Assert.Equal((1, 1), (scheduler.Status.Running, scheduler.Status.Waiting));
        int length = 16 + tokens.Count(token => token.Sequence.Request != step.Sequences[0].Id.Request);
        Assert.InRange(length, 18, 33);

        Complete(scheduler, step);
        scheduler.Cancel(step.Sequences[0].Id.Request);
        StepBatch again = scheduler.Schedule(1, number)!;
        Assert.Equal([(2, 16, length - 16)], Rows(again));
        Assert.Equal(length, Complete(scheduler, again)[0].Position);
    }

    [Fact]
    public void Schedule_WaitingPromptThatLeavesNoBlockToGrow_IsAdmittedLater()
    {
        Scheduler scheduler = New(blocks: 3);
        GenerateRequest running = Request(10, maxTokens: 30);
        scheduler.Add(running);
        Complete(scheduler, scheduler.Schedule(1, 0)!);
        scheduler.Add(Request(20));

        StepBatch step = scheduler.Schedule(1, 1)!;
        Assert.Equal([(1, 10, 1)], Rows(step));
        Complete(scheduler, step);
        scheduler.Cancel(running.Id);

        Assert.Equal([(2, 0, 20)], Rows(scheduler.Schedule(1, 2)));
        Assert.Equal(0, scheduler.Status.Preemptions);
    }

    [Fact]
    public void Schedule_DecodesWithLongContexts_AllocateLittlePerToken()
    {
        const int Sequences = 8, Prompt = 4000, Steps = 200;
        Scheduler scheduler = New(Options with { TokenBudget = 4096, ContextLength = 8192 }, blocks: 4096);
        for (int i = 0; i < Sequences; i++) scheduler.Add(Request(1, maxTokens: 1000) with { PromptIds = [i, .. new int[Prompt - 1]] });
        int number = 0;
        while (scheduler.Status.TokensGenerated < Sequences * 3) Complete(scheduler, scheduler.Schedule(1, number++)!);

        long allocated = 0;
        for (int i = 0; i < Steps; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            StepBatch step = scheduler.Schedule(1, number++)!;
            allocated += GC.GetAllocatedBytesForCurrentThread() - before;
            SampledToken[] tokens = Tokens(step);
            before = GC.GetAllocatedBytesForCurrentThread();
            scheduler.Complete(step.Number, tokens);
            allocated += GC.GetAllocatedBytesForCurrentThread() - before;
        }

        // A row, its token and event; a table of 250 blocks (1,000 bytes) is copied once in 16 tokens, and lists grow by doubling.
        Assert.InRange(allocated / (Steps * Sequences), 1, 512);
    }

    [Fact]
    public void Complete_FinishedCompletion_SaysWhyAndFreesItsBlocks()
    {
        Scheduler scheduler = New();
        scheduler.Add(Request(3));
        scheduler.Add(Request(3, maxTokens: 1));
        scheduler.Add(Request(3, maxTokens: 1) with { Sampling = new SamplingOptions { StopTokenIds = [7] } });
        GenerateRequest ignores = Request(3);
        scheduler.Add(ignores with { Sampling = ignores.Sampling with { IgnoreEos = true } });
        StepBatch step = scheduler.Schedule(1, 0)!;
        SampledToken[] tokens = Tokens(step);
        int[] ids = [Eos, 50, 7, Eos];

        IReadOnlyList<TokenEvent> events = scheduler.Complete(0, [.. tokens.Select((token, i) => token with { Id = ids[i] })]);

        Assert.Equal(
            [(FinishReason.Stop, true), (FinishReason.Length, false), (FinishReason.Stop, true), (FinishReason.None, false)],
            events.Select(token => (token.FinishReason, token.IsStopToken)));
        Assert.Equal([3, 3, 3, 3], events.Select(token => token.Position));
        Assert.Equal(1, scheduler.Status.Running);
        Assert.Equal(1, scheduler.Status.BlocksInUse);
    }

    [Fact]
    public void Cancel_WithAStepInFlight_KeepsTheBlocksUntilItCompletesAndDropsItsToken()
    {
        Scheduler scheduler = New(blocks: 2);
        GenerateRequest request = Request(20);
        scheduler.Add(request);
        scheduler.Add(Request(20, first: 30));
        StepBatch step = scheduler.Schedule(1, 0)!;

        scheduler.Cancel(request.Id);
        Assert.Equal(2, scheduler.Status.BlocksInUse);
        Assert.Empty(Complete(scheduler, step));

        Assert.Equal(0, scheduler.Status.BlocksInUse);
        Assert.Equal([(2, 0, 20)], Rows(scheduler.Schedule(1, 1)));
    }

    [Fact]
    public void Cancel_WaitingRequest_LetsTheNextIn()
    {
        Scheduler scheduler = New(blocks: 4);
        scheduler.Add(Request(20));
        GenerateRequest large = Request(60, maxTokens: 2);
        scheduler.Add(large);
        scheduler.Add(Request(10));
        Complete(scheduler, scheduler.Schedule(1, 0)!);
        Assert.Equal([(1, 20, 1)], Rows(scheduler.Schedule(1, 1)));

        scheduler.Cancel(large.Id);
        scheduler.Reset();

        Assert.Equal([(1, 20, 1), (3, 0, 10)], Rows(scheduler.Schedule(2, 0)));
    }

    [Fact]
    public void Reset_StepsInFlight_AreScheduledAgainFromTheCertainPositions()
    {
        Scheduler scheduler = New(Options with { MaxInFlight = 2, TokenBudget = 10 });
        scheduler.Add(Request(25));
        StepBatch first = scheduler.Schedule(1, 0)!;
        scheduler.Schedule(1, 1);
        Complete(scheduler, first);

        scheduler.Reset();

        Assert.Equal(0, scheduler.StepsInFlight);
        Assert.Equal([(1, 10, 10)], Rows(scheduler.Schedule(2, 0)));
        Assert.Equal([(1, 20, 5)], Rows(scheduler.Schedule(2, 1)));
    }

    [Fact]
    public void Schedule_SamplerNeedsHistory_GivesItAtTheFirstSampleAndAfterAReset()
    {
        Scheduler scheduler = New(Options with { TokenBudget = 10 });
        GenerateRequest request = Request(15);
        scheduler.Add(request with { Sampling = request.Sampling with { RepetitionPenalty = 1.1f } });
        StepBatch first = scheduler.Schedule(1, 0)!;
        Assert.Null(first.Sequences[0].History);
        Complete(scheduler, first);
        StepBatch second = scheduler.Schedule(1, 1)!;
        Assert.Equal(request.PromptIds, second.Sequences[0].History!);
        Complete(scheduler, second);
        StepBatch third = scheduler.Schedule(1, 2)!;
        Assert.Null(third.Sequences[0].History);

        scheduler.Reset();

        Assert.Equal([.. request.PromptIds, 50], scheduler.Schedule(2, 0)!.Sequences[0].History!);
    }

    [Fact]
    public void Add_DeliveredTokens_CountAsGenerated()
    {
        Scheduler scheduler = New();
        scheduler.Add(Request(5, maxTokens: 4) with { Submission = 2, Delivered = [[50, 51, 52]] });

        StepBatch step = scheduler.Schedule(1, 0)!;
        Assert.Equal([(1, 0, 8)], Rows(step));
        Assert.Equal(5, step.Sequences[0].PromptLength);
        TokenEvent token = Assert.Single(Complete(scheduler, step));
        Assert.Equal((8, FinishReason.Length), (token.Position, token.FinishReason));
    }

    [Fact]
    public void Add_OneCompletionDeliveredToItsEnd_ComputesTheOthers()
    {
        Scheduler scheduler = New();
        scheduler.Add(Request(5, maxTokens: 4) with { Submission = 2, Completions = 3, Delivered = [[50, Eos], [50, 51, 52, 53], [50]] });

        Assert.Equal(2, Assert.Single(scheduler.Schedule(1, 0)!.Sequences).Id.Completion);
    }

    [Fact]
    public void Add_RequestThatIsHere_ChangesNothingUnlessItIsBehindWhatWasDelivered()
    {
        Scheduler scheduler = New();
        GenerateRequest request = Request(5);
        Assert.True(scheduler.Add(request));
        Complete(scheduler, scheduler.Schedule(1, 0)!);

        Assert.False(scheduler.Add(request with { Submission = 2, Delivered = [[50]] }));
        Assert.Equal([(1, 5, 1)], Rows(scheduler.Schedule(1, 1)));
        Assert.True(scheduler.Add(request with { Submission = 3, Delivered = [[50, 51, 52]] }));

        scheduler.Reset();
        Assert.Equal([(1, 0, 8)], Rows(scheduler.Schedule(2, 0)));
    }

    [Fact]
    public void AdoptCache_BlocksOfAFormerCoordinator_AreHits()
    {
        Scheduler former = New(Options with { TokenBudget = 64 });
        former.Add(Request(40));
        StepBatch step = former.Schedule(1, 0)!;

        Scheduler scheduler = New();
        scheduler.AdoptCache(step.Fills.Select(fill => (fill.Block, fill.Hash)));
        scheduler.Add(Request(40));

        StepBatch hit = scheduler.Schedule(2, 0)!;
        Assert.Equal([(2, 32, 8)], Rows(hit));
        Assert.Equal(step.Sequences[0].BlockTable[..2], hit.Sequences[0].BlockTable[..2]);
    }

    [Fact]
    public void Schedule_CacheUnderPressure_EvictsTheEndOfATextBeforeItsBeginning()
    {
        Scheduler scheduler = New(Options with { TokenBudget = 64 }, blocks: 4);
        scheduler.Add(Request(64, maxTokens: 1));
        Complete(scheduler, scheduler.Schedule(1, 0)!);
        scheduler.Add(Request(17, maxTokens: 1, first: 70) with { PromptIds = [.. Enumerable.Repeat(70, 17)] });
        Complete(scheduler, scheduler.Schedule(1, 1)!);

        scheduler.Add(Request(64, maxTokens: 1));

        Assert.Equal([(3, 32, 32)], Rows(scheduler.Schedule(1, 2)));
    }

    [Fact]
    public void Complete_AnotherStepThanTheOldest_Throws()
    {
        Scheduler scheduler = New(Options with { MaxInFlight = 2 });
        scheduler.Add(Request(3));
        scheduler.Add(Request(30));
        scheduler.Schedule(1, 0);
        StepBatch second = scheduler.Schedule(1, 1)!;

        Assert.Throws<InvalidOperationException>(() => Complete(scheduler, second));
    }

    [Fact]
    public void Complete_TokensThatWereNotAskedFor_ThrowsAndChangesNothing()
    {
        Scheduler scheduler = New();
        scheduler.Add(Request(3));
        StepBatch step = scheduler.Schedule(1, 0)!;
        SampledToken token = Tokens(step)[0];

        Assert.Throws<ArgumentException>(() => scheduler.Complete(0, []));
        Assert.Throws<ArgumentException>(() => scheduler.Complete(0, [token, token]));
        Assert.Throws<ArgumentException>(() => scheduler.Complete(0, [token with { Position = 4 }]));
        Assert.Single(scheduler.Complete(0, [token]));
    }

    [Fact]
    public void Stop_OneOfSeveralCompletions_ComputesTheOthersAlone()
    {
        Scheduler scheduler = New();
        GenerateRequest request = Request(20) with { Completions = 3 };
        scheduler.Add(request);
        Complete(scheduler, scheduler.Schedule(1, 0)!);
        Complete(scheduler, scheduler.Schedule(1, 1)!);

        scheduler.Stop(request.Id, [1]);
        Assert.Equal([0, 2], scheduler.Schedule(1, 2)!.Sequences.Select(rows => rows.Id.Completion));
        scheduler.Stop(request.Id, [0, 1, 2]);

        Assert.False(scheduler.Contains(request.Id));
        scheduler.Reset();
        Assert.Equal(0, scheduler.Status.BlocksInUse);
    }

    [Fact]
    public void Stop_TheCompletionThatComputesThePrompt_LetsAnotherComputeIt()
    {
        Scheduler scheduler = New();
        GenerateRequest request = Request(20) with { Completions = 2 };
        scheduler.Add(request);

        scheduler.Stop(request.Id, [0]);

        Assert.Equal(1, Assert.Single(scheduler.Schedule(1, 0)!.Sequences).Id.Completion);
    }

    [Fact]
    public void Add_StoppedCompletion_IsNotComputed()
    {
        Scheduler scheduler = New();
        scheduler.Add(Request(5) with { Submission = 2, Completions = 3, Delivered = [[50], [51], [52]], Stopped = [0, 2] });

        Assert.Equal(1, Assert.Single(scheduler.Schedule(1, 0)!.Sequences).Id.Completion);
    }

    [Fact]
    public void Fail_StepOfSeveral_RunsEachAloneUntilItCompletes()
    {
        Scheduler scheduler = New();
        scheduler.Add(Request(5));
        scheduler.Add(Request(6));
        Complete(scheduler, scheduler.Schedule(1, 0)!);
        scheduler.Schedule(1, 1);
        Assert.Empty(Throw(scheduler, 1));
        scheduler.Add(Request(7));

        StepBatch first = scheduler.Schedule(2, 0)!;
        Complete(scheduler, first);
        StepBatch second = scheduler.Schedule(2, 1)!;
        Complete(scheduler, second);

        Assert.Equal([(1, 5, 1)], Rows(first));
        Assert.Equal([(2, 6, 1)], Rows(second));
        Assert.Equal([(1, 6, 1), (2, 7, 1), (3, 0, 7)], Rows(scheduler.Schedule(2, 2)));
    }

    [Fact]
    public void Fail_ThriceInARow_EndsThatRequestAlone()
    {
        Scheduler scheduler = New();
        scheduler.Add(Request(5));
        scheduler.Add(Request(6) with { Completions = 2 });
        Complete(scheduler, scheduler.Schedule(1, 0)!);
        scheduler.Schedule(1, 1);
        Throw(scheduler, 1);
        Complete(scheduler, scheduler.Schedule(2, 0)!);
        Assert.Equal([(2, 6, 1)], Rows(scheduler.Schedule(2, 1)));
        Assert.Empty(Throw(scheduler, 1));
        Assert.Equal([(2, 6, 1)], Rows(scheduler.Schedule(3, 0)));

        IReadOnlyList<TokenEvent> ends = Throw(scheduler, 0);

        Guid request = new(2, 0, 0, new byte[8]);
        Assert.Equal(
            [new TokenEvent(new SequenceId(request, 0), 7, -1, null, FinishReason.Error, true), new TokenEvent(new SequenceId(request, 1), 7, -1, null, FinishReason.Error, true)],
            ends);
        Assert.False(scheduler.Contains(request));
        Assert.Equal([(1, 6, 1)], Rows(scheduler.Schedule(4, 0)));
        Assert.Equal(1, scheduler.Status.BlocksInUse);
    }

    [Fact]
    public void Fail_AStepCompletedBetween_CountsAnew()
    {
        Scheduler scheduler = New();
        scheduler.Add(Request(5));
        for (int epoch = 1; epoch < 5; epoch++)
        {
            scheduler.Schedule(epoch, 0);
            Assert.Empty(Throw(scheduler, 0));
            scheduler.Schedule(epoch, 0);
            Assert.Empty(Throw(scheduler, 0));
            Complete(scheduler, scheduler.Schedule(epoch, 0)!);
        }
    }

    [Fact]
    public void Fail_CancelledMeanwhile_EndsNothing()
    {
        Scheduler scheduler = New(Options with { MaxAttempts = 1 });
        GenerateRequest request = Request(5);
        scheduler.Add(request);
        scheduler.Schedule(1, 0);
        scheduler.Cancel(request.Id);

        Assert.Empty(Throw(scheduler, 0));
        Assert.Equal(0, scheduler.Status.BlocksInUse);
    }

    [Fact]
    public void Rebuild_SequencesThatShareBlocks_CoversEachPositionOnceInWholeBlocks()
    {
        Scheduler scheduler = New(Options with { TokenBudget = 40 });
        scheduler.Add(Request(39, first: 1));
        Complete(scheduler, scheduler.Schedule(1, 0)!);
        scheduler.Add(Request(34, first: 1));
        Complete(scheduler, scheduler.Schedule(1, 1)!);
        scheduler.Reset();

        StepBatch[] steps = [.. scheduler.Rebuild(2, 5, new StageRange(1, 2))];

        Assert.Equal([(1, 0, 32)], Rows(steps[0]));
        Assert.Equal([(1, 32, 8), (2, 32, 2)], Rows(steps[1]));
        Assert.Equal([(2, 5, 5), (2, 6, 5)], steps.Select(step => ((int)step.Epoch, step.Number, step.FirstOfRun)));
        Assert.Equal((2, 0), (steps[0].Fills.Length, steps[1].Fills.Length));
        Assert.Equal(scheduler.LiveBlocks, steps.SelectMany(step => step.Sequences).SelectMany(rows => rows.BlockTable).Distinct().Order());
        Assert.Equal(40, Rows(scheduler.Schedule(2, 7))[0].First);
    }

    [Fact]
    public void Rebuild_BudgetBelowABlock_DividesNoBlock()
    {
        Scheduler scheduler = New(Options with { TokenBudget = 5 });
        scheduler.Add(Request(30));
        for (int step = 0; step < 6; step++) Complete(scheduler, scheduler.Schedule(1, step)!);
        scheduler.Reset();

        Assert.Equal([[(1, 0, 16)], [(1, 16, 14)]], scheduler.Rebuild(2, 0, new StageRange(0, 1)).Select(Rows));
    }

    [Fact]
    public void Status_RunningRequests_CountsThem()
    {
        Scheduler scheduler = New(Options with { MaxRunning = 1 }, blocks: 10);
        scheduler.Add(Request(20));
        scheduler.Add(Request(20));
        Complete(scheduler, scheduler.Schedule(1, 0)!);
        scheduler.Schedule(1, 1);

        Assert.Equal(
            new SchedulerStatus
            {
                Waiting = 1, Running = 1, StepsInFlight = 1, Blocks = 10, BlocksInUse = 2, BlocksCached = 0,
                Steps = 2, Rows = 21, RowsSaved = 0, TokensGenerated = 1, Preemptions = 0,
            },
            scheduler.Status);
    }
}
