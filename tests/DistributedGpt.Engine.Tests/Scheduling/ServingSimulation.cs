namespace DistributedGpt.Engine.Tests;

/// <summary>
/// A coordinator, a fake model and a client in one thread: submits, cancels, schedules, runs steps in order some time before they
/// complete, loses steps in flight, replaces the coordinator; after each move the books are audited, and each token is compared with
/// the oracle's as it comes.
/// </summary>
internal sealed class ServingSimulation
{
    private readonly SchedulerOptions _options;
    private readonly int _blocks;
    private readonly FakeModel _model;
    private readonly List<GenerateRequest> _requests = [];
    private readonly Dictionary<SequenceId, (List<int> Expected, List<int> Got, FinishReason Reason)> _texts = [];
    private readonly HashSet<Guid> _cancelled = [];
    private readonly HashSet<SequenceId> _stopped = [];
    private readonly Dictionary<SequenceId, int> _threw = [];
    private readonly Queue<StepBatch> _sent = new();
    private readonly Queue<(StepBatch Step, SampledToken[] Tokens)> _ran = new();
    private readonly HashSet<Sequence> _seen = [];
    private readonly Dictionary<Sequence, int> _next = [];
    private BlockPool _pool = null!;
    private Scheduler _scheduler = null!;
    private long _epoch;
    private int _number;

    public ServingSimulation(SchedulerOptions options, int blocks)
    {
        _options = options;
        _blocks = blocks;
        _model = new FakeModel(blocks);
        NewCoordinator(0);
    }

    public Scheduler Scheduler => _scheduler;

    public int RequestCount => _requests.Count;

    /// <summary>Submits a request; returns false where it is refused.</summary>
    public bool Submit(GenerateRequest request)
    {
        try
        {
            Assert.True(_scheduler.Add(request));
        }
        catch (RequestRefusedException refused) when (refused.Code is RequestRefusedException.QueueFull or RequestRefusedException.CacheTooSmall)
        {
            Audit();
            return false;
        }
        _requests.Add(request);
        for (int i = 0; i < request.Completions; i++) _texts[new(request.Id, i)] = (FakeModel.Oracle(request, i), [], FinishReason.None);
        Audit();
        return true;
    }

    /// <summary>Submits a request again as a client does that missed the last tokens.</summary>
    public void SubmitAgain(int index, int missed)
    {
        if (index >= _requests.Count || _cancelled.Contains(_requests[index].Id)) return;
        Resubmit(_requests[index], missed, _scheduler.Contains(_requests[index].Id));
        Audit();
    }

    public void Cancel(int index)
    {
        if (index >= _requests.Count) return;
        _cancelled.Add(_requests[index].Id);
        _scheduler.Cancel(_requests[index].Id);
        Assert.False(_scheduler.Contains(_requests[index].Id));
        Audit();
    }

    /// <summary>The client ends one completion of a request.</summary>
    public void Stop(int index, int completion)
    {
        if (index >= _requests.Count || completion >= _requests[index].Completions) return;
        GenerateRequest request = _requests[index];
        _stopped.Add(new SequenceId(request.Id, completion));
        _scheduler.Stop(request.Id, Stopped(request));
        Assert.DoesNotContain(_scheduler.Running, sequence => _stopped.Contains(sequence.Id));
        Audit();
    }

    /// <summary>Asks for a step; returns false where there is none.</summary>
    public bool Schedule()
    {
        long preemptions = _scheduler.Status.Preemptions;
        bool mustWork = _scheduler.Status is { StepsInFlight: 0, Waiting: > 0 } or { StepsInFlight: 0, Running: > 0 };
        Sequence? oldest = _scheduler.Running.FirstOrDefault();
        StepBatch? step = _scheduler.Schedule(_epoch, _number);
        Assert.True(oldest is null or { State: SequenceState.Running }, "The oldest running sequence was preempted.");
        if (step is null)
        {
            Assert.False(mustWork, "There is work and nothing in flight, yet no step.");
            Audit();
            return false;
        }
        _number++;
        CheckStep(step, preempted: _scheduler.Status.Preemptions != preemptions);
        _sent.Enqueue(step);
        Audit();
        return true;
    }

    /// <summary>The stage runs the next step that it has not run.</summary>
    public void Run()
    {
        if (_sent.TryDequeue(out StepBatch? step)) _ran.Enqueue((step, _model.Run(step)));
    }

    /// <summary>The oldest step completes; returns false where none has run.</summary>
    public bool Complete()
    {
        if (!_ran.TryDequeue(out (StepBatch Step, SampledToken[] Tokens) oldest)) return false;
        foreach (StepSequence rows in oldest.Step.Sequences) _threw.Remove(rows.Id);
        foreach (TokenEvent token in _scheduler.Complete(oldest.Step.Number, oldest.Tokens)) Receive(token);
        Audit();
        return true;
    }

    /// <summary>The next step throws in the stage; a request is given up at its third throw in a row, and no other.</summary>
    public void Throw()
    {
        if (!_sent.TryPeek(out StepBatch? step)) return;
        foreach (StepSequence rows in step.Sequences) _threw[rows.Id] = _threw.GetValueOrDefault(rows.Id) + 1;
        Guid[] expected = [.. step.Sequences.Where(rows => _threw[rows.Id] == _options.MaxAttempts).Select(rows => rows.Id).Except(_stopped).Select(id => id.Request).Except(_cancelled)];
        IReadOnlyList<TokenEvent> ends = _scheduler.Fail(step.Number);
        Assert.Equal(expected, ends.Select(end => end.Sequence.Request).Distinct());
        Assert.All(ends, end => Assert.Equal((FinishReason.Error, _texts[end.Sequence].Got.Count), (end.FinishReason, end.Position - Request(end).PromptIds.Length)));
        Assert.All(ends, end => Assert.DoesNotContain(end.Sequence, _stopped));
        Assert.All(ends, end => Assert.Equal(FinishReason.None, _texts[end.Sequence].Reason));
        foreach (Guid request in expected)
        {
            Assert.False(_scheduler.Contains(request));
            _cancelled.Add(request);
        }

        Reset();
    }

    /// <summary>A step failed: what is in flight is lost, run or not, and a new epoch begins.</summary>
    public void Reset()
    {
        _scheduler.Reset();
        NewEpoch();
        foreach (Sequence sequence in _scheduler.Running) _next[sequence] = sequence.Computed;
        Audit();
    }

    /// <summary>A failure after which the layers have to be loaded anew.</summary>
    public void LoseCache()
    {
        _model.LoseCache();
        _scheduler.Reset();
        _scheduler.ForgetCache();
        NewEpoch();
        Audit();
        Assert.Equal((0, 0), (_pool.InUseCount, _pool.CachedCount));
    }

    /// <summary>The coordinator is lost with all it knew; clients submit again, having missed some tokens.</summary>
    public void NewCoordinator(int missed)
    {
        _pool = new BlockPool(_blocks);
        _scheduler = new Scheduler(_options, _pool, new BlockHasher("fake"));
        _scheduler.AdoptCache(_model.Hashes.Select(entry => (entry.Key, entry.Value)));
        _seen.Clear();
        _threw.Clear();
        NewEpoch();
        foreach (GenerateRequest request in _requests)
        {
            if (!_cancelled.Contains(request.Id)) Resubmit(request, missed, known: false);
        }
        Audit();
    }

    /// <summary>Runs until every request has ended, and checks that nothing is left.</summary>
    public void Drain()
    {
        for (int moves = 0; _scheduler.Status is { Waiting: > 0 } or { Running: > 0 } or { StepsInFlight: > 0 }; moves++)
        {
            Assert.True(moves < 20_000, "The requests do not end.");
            while (Schedule()) { }
            Run();
            Complete();
        }
        Assert.Equal(0, _pool.InUseCount);
        CheckThatTheHeadForgets();
        foreach ((SequenceId id, (List<int> expected, List<int> got, FinishReason reason)) in _texts)
        {
            if (_cancelled.Contains(id.Request) || _stopped.Contains(id)) continue;
            Assert.Equal(expected, got);
            Assert.NotEqual(FinishReason.None, reason);
        }
    }

    private void CheckThatTheHeadForgets()
    {
        var last = new GenerateRequest { Id = new Guid(-1, 0, 0, new byte[8]), PromptIds = [1], MaxTokens = 1, Sampling = new() };
        _scheduler.Add(last);
        SampledToken[] tokens = _model.Run(_scheduler.Schedule(_epoch, _number)!);
        _scheduler.Complete(_number, tokens);
        Assert.Equal(0, _model.HeadStates);
    }

    private void NewEpoch()
    {
        _sent.Clear();
        _ran.Clear();
        _next.Clear();
        _model.Attach();
        _epoch++;
        _number = 0;
    }

    private void Resubmit(GenerateRequest request, int missed, bool known)
    {
        var delivered = new int[request.Completions][];
        bool complete = true;
        for (int i = 0; i < request.Completions; i++)
        {
            (List<int> expected, List<int> got, _) = _texts[new(request.Id, i)];
            delivered[i] = [.. got.Take(Math.Max(0, got.Count - missed))];
            complete &= delivered[i].Length == expected.Count || _stopped.Contains(new(request.Id, i));
            if (!known) _texts[new(request.Id, i)] = (expected, [.. delivered[i]], delivered[i].Length == expected.Count ? FinishReason.Stop : FinishReason.None);
        }
        Assert.Equal(!known, _scheduler.Add(request with { Submission = 2, Delivered = delivered, Stopped = Stopped(request) }));
        Assert.Equal(known || !complete, _scheduler.Contains(request.Id));
    }

    private int[] Stopped(GenerateRequest request) => [.. _stopped.Where(id => id.Request == request.Id).Select(id => id.Completion)];

    private GenerateRequest Request(TokenEvent token) => _requests.Find(request => request.Id == token.Sequence.Request)!;

    private void Receive(TokenEvent token)
    {
        Assert.DoesNotContain(token.Sequence.Request, _cancelled);
        Assert.DoesNotContain(token.Sequence, _stopped);
        GenerateRequest request = Request(token);
        (List<int> expected, List<int> got, FinishReason reason) = _texts[token.Sequence];
        Assert.Equal(FinishReason.None, reason);
        Assert.Equal(request.PromptIds.Length + got.Count, token.Position);
        Assert.Equal(expected[got.Count], token.Id);
        got.Add(token.Id);
        bool last = got.Count == expected.Count;
        bool stop = last && (got.Count < request.MaxTokens || token.IsStopToken);
        Assert.Equal(last ? (stop ? FinishReason.Stop : FinishReason.Length) : FinishReason.None, token.FinishReason);
        _texts[token.Sequence] = (expected, got, token.FinishReason);
    }

    private void CheckStep(StepBatch step, bool preempted)
    {
        Assert.InRange(step.RowCount, 1, _options.TokenBudget);
        Assert.InRange(step.Sequences.Length, 1, _options.MaxSequencesPerStep);
        Assert.InRange(_scheduler.StepsInFlight, 1, _options.MaxInFlight);
        Assert.Equal(step.Sequences.Length, step.Sequences.Select(rows => rows.Id).Distinct().Count());
        Assert.True(step.Sequences.Length == 1 || !step.Sequences.Any(rows => _threw.ContainsKey(rows.Id)), "A step that threw is not taken apart.");
        var expectedFills = new List<int>();
        foreach (StepSequence rows in step.Sequences)
        {
            Sequence sequence = _scheduler.Running.Single(sequence => sequence.Id == rows.Id);
            _seen.Add(sequence);

            // Rows are the sequence's tokens, each position once, from a block's beginning where it was (re)admitted.
            int expected = _next.GetValueOrDefault(sequence, -1);
            bool admitted = expected < 0 || (preempted && rows.FirstPosition != expected);
            if (admitted) Assert.Equal(0, rows.FirstPosition % StepBatch.BlockSize);
            else Assert.Equal(expected, rows.FirstPosition);
            _next[sequence] = rows.Length;
            Assert.Equal(sequence.Ids[rows.FirstPosition..rows.Length].ToArray(), rows.TokenIds);
            Assert.Equal((rows.Length + StepBatch.BlockSize - 1) / StepBatch.BlockSize, rows.BlockTable.Length);
            Assert.Equal(rows.Length == sequence.Length, rows.Sampling is not null);

            // What is written belongs to this sequence alone, nobody can find it, and no step on its way reads it for another.
            for (int position = rows.FirstPosition; position < rows.Length; position++)
            {
                int block = rows.BlockTable[position / StepBatch.BlockSize];
                Assert.Equal(1, _pool.ReferencesTo(block));
                Assert.Null(_pool.HashOf(block));
                if (position % StepBatch.BlockSize == StepBatch.BlockSize - 1) expectedFills.Add(block);
                foreach (StepBatch earlier in _sent.Concat(_ran.Select(ran => ran.Step)))
                {
                    foreach (StepSequence other in earlier.Sequences) Assert.False(other.Id != rows.Id && other.BlockTable.Contains(block));
                }
            }
        }
        Assert.Equal(expectedFills, step.Fills.Select(fill => fill.Block));
        foreach (Sequence sequence in _next.Keys.Where(sequence => sequence.State != SequenceState.Running).ToArray()) _next.Remove(sequence);
    }

    private void Audit()
    {
        foreach (Sequence sequence in _scheduler.Running) _seen.Add(sequence);
        var holders = new Dictionary<int, List<(Sequence Sequence, int Index)>>();
        foreach (Sequence sequence in _seen)
        {
            if (sequence.State == SequenceState.Finished && sequence.StepsInFlight == 0) Assert.Empty(sequence.BlockTable);
            if (sequence.State == SequenceState.Waiting) Assert.Empty(sequence.BlockTable);
            for (int i = 0; i < sequence.BlockTable.Length; i++)
            {
                if (!holders.TryGetValue(sequence.BlockTable[i], out List<(Sequence, int)>? list)) holders.Add(sequence.BlockTable[i], list = []);
                list.Add((sequence, i));
            }
        }
        for (int block = 0; block < _blocks; block++)
        {
            List<(Sequence Sequence, int Index)> list = holders.GetValueOrDefault(block) ?? [];
            Assert.Equal(list.Count, _pool.ReferencesTo(block));
            if (list.Count < 2) continue;
            int end = (list[0].Index + 1) * StepBatch.BlockSize;
            foreach ((Sequence sequence, int index) in list)
            {
                Assert.Equal(list[0].Index, index);
                Assert.True(sequence.Computed >= end, "A block that is not full is shared.");
                Assert.Equal(list[0].Sequence.Ids[..end].ToArray(), sequence.Ids[..end].ToArray());
            }
        }
        Assert.Equal(holders.Count, _pool.InUseCount);
        Assert.InRange(_scheduler.Running.Count, 0, _options.MaxRunning);
        Assert.Equal(_scheduler.Running.Select(sequence => sequence.Order), _scheduler.Running.Select(sequence => sequence.Order).Order());
        _seen.RemoveWhere(sequence => sequence.State == SequenceState.Finished && sequence.StepsInFlight == 0);
    }
}
