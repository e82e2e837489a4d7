namespace DistributedGpt.Engine.Tests;

/// <summary>Both ends of a subscription: the buffer, and the client's ledgers.</summary>
public sealed class DeliveryTests
{
    private static readonly DeliverySession Session = new(new Guid(1, 0, 0, new byte[8]), 1);
    private static readonly DeliverySession Other = new(new Guid(2, 0, 0, new byte[8]), 1);

    private readonly GenerateRequest _request = new()
    {
        Id = new Guid(7, 0, 0, new byte[8]), PromptIds = [1, 2, 3], MaxTokens = 4, Completions = 1, Sampling = new SamplingOptions(),
    };

    private readonly DeliveryBuffer _buffer = new(Session);

    [Fact]
    public void Next_NothingToDeliver_IsAHeartbeat() => Assert.Empty(_buffer.Next(default).Entries);

    [Fact]
    public void Next_NotAcknowledged_AnswersTheSameBatchAgain()
    {
        _buffer.Open(_request);
        _buffer.Add(Token(0));
        TokenBatch first = _buffer.Next(default);
        _buffer.Add(Token(1));

        Assert.Same(first, _buffer.Next(default));
        Assert.Same(first, _buffer.Next(new DeliveryAck(Other, first.Number)));
        Assert.Equal([new TokenEntry(1, Token(0))], first.Entries);
        TokenBatch second = _buffer.Next(Ack(first));
        Assert.Equal([new TokenEntry(1, Token(1))], second.Entries);
        Assert.Same(second, _buffer.Next(Ack(first)));
        Assert.Empty(_buffer.Next(Ack(second)).Entries);
    }

    [Fact]
    public void Next_LastTokenAcknowledged_ForgetsTheRequest()
    {
        _buffer.Open(_request);
        _buffer.Add(Token(0, FinishReason.Stop));
        TokenBatch batch = _buffer.Next(default);
        Assert.True(_buffer.Contains(_request.Id));
        _buffer.Next(Ack(batch));
        Assert.False(_buffer.Contains(_request.Id));
    }

    [Fact]
    public void Reopen_NewerSubmission_HandsOutWhatTheClientHasNotUnderTheNewNumber()
    {
        _buffer.Open(_request);
        for (int i = 0; i < 3; i++) _buffer.Add(Token(i));
        TokenBatch lost = _buffer.Next(default);

        Assert.True(_buffer.Reopen(_request with { Submission = 2, Delivered = [[100]] }));
        Assert.True(_buffer.Reopen(_request));

        Assert.Equal([new TokenEntry(2, Token(1)), new TokenEntry(2, Token(2))], _buffer.Next(Ack(lost)).Entries);
    }

    [Theory]
    [InlineData(new[] { 100, 9 })]
    [InlineData(new[] { 100, 101, 102 })]
    public void Reopen_ClientHasOtherTokens_IsFalse(int[] delivered)
    {
        _buffer.Open(_request);
        _buffer.Add(Token(0));
        _buffer.Add(Token(1));
        Assert.False(_buffer.Reopen(_request with { Submission = 2, Delivered = [delivered] }));
    }

    [Fact]
    public void Next_MoreTokensThanABatchHolds_ComesInOrderedPieces()
    {
        _buffer.Open(_request with { MaxTokens = 3000 });
        for (int i = 0; i < 1500; i++) _buffer.Add(Token(i));
        TokenBatch first = _buffer.Next(default);
        TokenBatch second = _buffer.Next(Ack(first));
        Assert.Equal(DeliveryBuffer.MaxBatch, first.Entries.Length);
        Assert.Equal(Enumerable.Range(3, 1500), first.Entries.Concat(second.Entries).Select(entry => entry.Token.Position));
    }

    [Fact]
    public void Accept_TokensOfAllKinds_TakesOnlyTheNextOfTheLatestSubmission()
    {
        var ledger = new StreamLedger(_request);
        ledger.Submit();
        ledger.Submitted(1, Session);
        Assert.Equal(LedgerVerdict.Accepted, ledger.Accept(new TokenEntry(1, Token(0))));
        Assert.Equal(LedgerVerdict.Duplicate, ledger.Accept(new TokenEntry(1, Token(0))));
        Assert.Equal(LedgerVerdict.Gap, ledger.Accept(new TokenEntry(1, Token(2))));

        Assert.Equal(StreamState.NeedsSubmit, ledger.State);
        GenerateRequest again = ledger.Submit();
        Assert.Equal(2, again.Submission);
        Assert.Equal([100], again.Delivered[0]);
        Assert.Equal(LedgerVerdict.Stale, ledger.Accept(new TokenEntry(1, Token(1))));
        Assert.Equal(LedgerVerdict.Accepted, ledger.Accept(new TokenEntry(2, Token(1, FinishReason.Length))));
        Assert.Equal(StreamState.Finished, ledger.State);
        Assert.Equal(FinishReason.Length, ledger.Finish(0));
        Assert.Equal([100, 101], ledger.Delivered(0));
    }

    [Fact]
    public void Stop_OneOfSeveralCompletions_SaysSoAndTakesNoMoreOfIt()
    {
        var ledger = new StreamLedger(_request with { Completions = 2 });
        ledger.Submit();
        ledger.Submitted(1, Session);
        ledger.Accept(new TokenEntry(1, Token(0)));

        ledger.Stop(0);

        Assert.Equal((StreamState.NeedsSubmit, FinishReason.Stop), (ledger.State, ledger.Finish(0)));
        Assert.Equal(LedgerVerdict.Duplicate, ledger.Accept(new TokenEntry(1, Token(1))));
        GenerateRequest again = ledger.Submit();
        Assert.Equal([0], again.Stopped);
        Assert.Equal([100], again.Delivered[0]);
        ledger.Submitted(2, Session);
        ledger.Accept(new TokenEntry(2, Token(0, FinishReason.Length) with { Sequence = new SequenceId(_request.Id, 1) }));
        Assert.Equal(StreamState.Finished, ledger.State);
    }

    [Fact]
    public void Stop_WhileASubmissionIsUnderWay_SubmitsAgain()
    {
        var ledger = new StreamLedger(_request with { Completions = 2 });
        ledger.Submit();
        ledger.Stop(1);
        ledger.Submitted(1, Session);
        Assert.Equal(StreamState.NeedsSubmit, ledger.State);
        Assert.Equal([1], ledger.Submit().Stopped);
        ledger.Stop(0);
        Assert.Equal(StreamState.Finished, ledger.State);
    }

    [Fact]
    public void Reopen_StoppedCompletion_HandsOutNothingMoreOfIt()
    {
        GenerateRequest request = _request with { Completions = 2 };
        TokenEvent other = Token(0, FinishReason.Stop) with { Sequence = new SequenceId(_request.Id, 1) };
        _buffer.Open(request);
        _buffer.Add(Token(0));
        _buffer.Add(Token(1));

        _buffer.Reopen(request with { Submission = 2, Delivered = [[100], []], Stopped = [0] });

        Assert.Empty(_buffer.Next(default).Entries);
        _buffer.Add(other);
        TokenBatch last = _buffer.Next(default);
        Assert.Equal([new TokenEntry(2, other)], last.Entries);
        _buffer.Next(Ack(last));
        Assert.False(_buffer.Contains(_request.Id));
    }

    [Fact]
    public void Accept_Error_FinishesWithoutAnId()
    {
        var ledger = new StreamLedger(_request);
        ledger.Submit();
        ledger.Submitted(1, Session);
        TokenEvent end = Token(1, FinishReason.Error) with { Id = -1 };
        Assert.Equal(LedgerVerdict.Gap, ledger.Accept(new TokenEntry(1, end)));
        ledger.Submit();
        ledger.Accept(new TokenEntry(2, Token(0)));

        Assert.Equal(LedgerVerdict.Accepted, ledger.Accept(new TokenEntry(2, end)));

        Assert.Equal((StreamState.Finished, FinishReason.Error), (ledger.State, ledger.Finish(0)));
        Assert.Equal([100], ledger.Delivered(0));
    }

    [Fact]
    public void Heard_OtherSessionOrSilenceOrFailedCall_SubmitsAgain()
    {
        var ledger = new StreamLedger(_request);
        ledger.Submit();
        ledger.Silent();
        ledger.Heard(Other);
        Assert.Equal(StreamState.Submitting, ledger.State);
        ledger.SubmitFailed(1);
        Assert.Equal(StreamState.NeedsSubmit, ledger.State);
        ledger.Submit();
        ledger.Submitted(1, Session);
        Assert.Equal(StreamState.Submitting, ledger.State);
        ledger.Submitted(2, Session);
        ledger.Heard(Session);
        Assert.Equal(StreamState.Streaming, ledger.State);
        ledger.Heard(Other);
        Assert.Equal(StreamState.NeedsSubmit, ledger.State);
        ledger.Submit();
        ledger.Submitted(3, null);
        Assert.Equal(StreamState.NeedsSubmit, ledger.State);
        ledger.Submit();
        ledger.Submitted(4, Session);
        ledger.Silent();
        Assert.Equal(StreamState.NeedsSubmit, ledger.State);
        ledger.Submit();
        ledger.Refused(5);
        Assert.Equal(StreamState.Refused, ledger.State);
    }

    [Fact]
    public void Receive_TokensOfKnownAndUnknownRequests_PassesOnAndNamesStrangers()
    {
        var subscription = new StreamSubscription(Guid.Empty);
        var ledger = new StreamLedger(_request);
        subscription.Add(ledger);
        ledger.Submit();
        ledger.Submitted(1, Session);
        TokenEvent last = Token(0, FinishReason.Stop);
        TokenEvent strange = last with { Sequence = new SequenceId(Guid.Empty, 0) };
        List<TokenEvent> accepted = [];
        List<(Guid, int)> strangers = [];

        subscription.Receive(new TokenBatch(Session, 4, [new TokenEntry(1, last), new TokenEntry(1, strange), new TokenEntry(1, strange)]), accepted, strangers);

        Assert.Equal([last], accepted);
        Assert.Equal([(Guid.Empty, 1)], strangers);
        Assert.Equal(new DeliveryAck(Session, 4), subscription.Ack);
        Assert.Equal(0, subscription.Count);
        subscription.Receive(new TokenBatch(Session, 3, [new TokenEntry(1, last)]), accepted, strangers);
        Assert.Equal(new DeliveryAck(Session, 4), subscription.Ack);
    }

    [Fact]
    public void Leave_WhateverItsState_SubmitsElsewhereAndHearsTheOldCoordinatorNoMore()
    {
        var ledger = new StreamLedger(_request);
        ledger.Submit();
        ledger.Leave();
        Assert.Equal(StreamState.NeedsSubmit, ledger.State);
        ledger.Submit();
        ledger.Submitted(1, Session);
        Assert.Equal(StreamState.Submitting, ledger.State);
        ledger.Submitted(2, Other);
        Assert.Equal(LedgerVerdict.Accepted, ledger.Accept(new TokenEntry(2, Token(0))));
        ledger.Leave();

        Assert.Equal((StreamState.NeedsSubmit, 2), (ledger.State, ledger.Submission));
        GenerateRequest again = ledger.Submit();
        Assert.Equal(LedgerVerdict.Stale, ledger.Accept(new TokenEntry(2, Token(1))));
        Assert.Equal([[100]], again.Delivered);
        ledger.Accept(new TokenEntry(3, Token(1, FinishReason.Stop)));
        ledger.Leave();
        Assert.Equal(StreamState.Finished, ledger.State);
    }

    private static DeliveryAck Ack(TokenBatch batch) => new(batch.Session, batch.Number);

    private TokenEvent Token(int index, FinishReason finish = FinishReason.None) =>
        new(new SequenceId(_request.Id, 0), 3 + index, 100 + index, null, finish, finish == FinishReason.Stop);
}
