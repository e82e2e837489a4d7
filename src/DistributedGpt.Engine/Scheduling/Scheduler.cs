namespace DistributedGpt.Engine;

/// <summary>
/// Decides which tokens a replica computes next, and in which blocks of the paged KV cache: continuous batching under one token
/// budget per step.
/// <para><b>Roles.</b> A coordinator adds and cancels requests, asks for steps while it may have more in flight, and tells each step's
/// completion, in order. Not safe for concurrent use; has no clock and does no I/O, so the same calls always give the same steps.</para>
/// <para><b>A step</b> takes decodes first, then chunks of prompts, oldest first (chunked prefill; recomputation after a preemption is
/// the same thing), then admits waiting sequences in the order of arrival. A decoding sequence is in one step at a time, a prompt may
/// have consecutive chunks in several. With S steps in flight a step takes at most a part in S of the decodes, so that the pipeline's
/// stages stay evenly loaded.</para>
/// <para><b>Blocks.</b> A running sequence holds blocks for all of its known tokens. An admitted one shares cached blocks with equal
/// beginning, never that of its last token, which has to be computed for its logits. Where blocks run out, the youngest running
/// sequence that no step in flight names gives its blocks back and waits again. Blocks become findable when the step that filled them
/// has completed.</para>
/// <para><b>Why every request ends.</b> A request is accepted only if it fits an empty pool. The oldest running sequence may preempt
/// all others, nobody may preempt it, and nobody is admitted before an older one that waits.</para>
/// <para><b>After a failed step</b> <see cref="Reset"/> forgets what is in flight: sequences go on from the positions that are
/// certain. A coordinator made anew starts with an empty scheduler, the blocks that all stages hold (<see cref="AdoptCache"/>), and
/// the requests as clients submit them again.</para>
/// <para><b>After a step that threw</b> (<see cref="Fail"/>) any of its sequences may be the reason: each is a suspect and gets steps of
/// its own, until one of them completes, or so many have thrown that its request is given up. So a request that cannot be computed
/// ends with an error and takes nobody with it.</para>
/// </summary>
public sealed class Scheduler
{
    private SchedulerOptions _options;
    private readonly BlockPool _pool;
    private readonly BlockHasher _hasher;
    private readonly Dictionary<Guid, SequenceGroup> _groups = [];
    private readonly SortedSet<Sequence> _waiting = new(Comparer<Sequence>.Create((a, b) => a.Order.CompareTo(b.Order)));
    private readonly List<Sequence> _running = [];
    private readonly Queue<ScheduledStep> _inFlight = new();
    private readonly List<Sequence> _candidates = [];
    private StepBuilder _step;
    private int _held;
    private long _nextOrder;
    private bool _admissionBlocked;
    private long _steps, _rows, _rowsSaved, _tokensGenerated, _preemptions;

    /// <summary>A scheduler without requests.</summary>
    /// <param name="options">Its limits.</param>
    /// <param name="pool">The replica's blocks, used by this scheduler alone.</param>
    /// <param name="hasher">Names full blocks.</param>
    public Scheduler(SchedulerOptions options, BlockPool pool, BlockHasher hasher)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.TokenBudget, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxSequencesPerStep, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxRunning, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.QueueLimit, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxInFlight, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxAttempts, 1);
        _options = options;
        _pool = pool;
        _hasher = hasher;
        _step = new StepBuilder(options);
    }

    /// <summary>Sequences that take part in steps, oldest first.</summary>
    public IReadOnlyList<Sequence> Running => _running;

    /// <summary>Steps in flight.</summary>
    public int StepsInFlight => _inFlight.Count;

    /// <summary>The blocks with positions that are computed of running sequences, full and partial, ascending.</summary>
    public int[] LiveBlocks => [.. _running.SelectMany(sequence => sequence.BlockTable.Take(Sequence.BlocksFor(sequence.Computed))).Distinct().Order()];

    private bool MayAdmit => !_admissionBlocked && _running.Count < _options.MaxRunning;

    /// <summary>Whether a request is neither finished nor cancelled.</summary>
    public bool Contains(Guid request) => _groups.ContainsKey(request);

    /// <summary>Figures for status and metrics.</summary>
    public SchedulerStatus Status => new()
    {
        Waiting = _waiting.Count + _held,
        Running = _running.Count,
        StepsInFlight = _inFlight.Count,
        Blocks = _pool.Count,
        BlocksInUse = _pool.InUseCount,
        BlocksCached = _pool.CachedCount,
        Steps = _steps,
        Rows = _rows,
        RowsSaved = _rowsSaved,
        TokensGenerated = _tokensGenerated,
        Preemptions = _preemptions,
    };

    /// <summary>
    /// Queues the completions of a request; tokens already delivered count as generated. Nothing happens where the request is here and
    /// is not behind what was delivered.
    /// </summary>
    /// <returns>Whether the request was new here.</returns>
    /// <exception cref="RequestRefusedException">It meets a limit; the message carries the numbers.</exception>
    public bool Add(GenerateRequest request)
    {
        RequestCheck.ThrowIfRefused(request, _options, _pool.Count);
        if (_groups.TryGetValue(request.Id, out SequenceGroup? known))
        {
            if (!IsBehind(known, request))
            {
                Stop(request.Id, request.Stopped);
                return false;
            }
            Cancel(request.Id);
        }
        int waiting = _waiting.Count + _held;
        if (request.Submission <= 1 && waiting + request.Completions > _options.QueueLimit)
            throw new RequestRefusedException(RequestRefusedException.QueueFull,
                $"The queue is full: {waiting} of at most {_options.QueueLimit} completions wait, this request asks for {request.Completions}.");

        var group = new SequenceGroup(request);
        BlockHash root = _hasher.Root(request.CacheSalt);
        for (int i = 0; i < request.Completions; i++)
        {
            int[] delivered = i < request.Delivered.Length ? request.Delivered[i] : [];
            var sequence = new Sequence(group, i, _nextOrder++, root, delivered);
            group.Sequences.Add(sequence);
            if (delivered.Length > 0) sequence.FinishReason = request.FinishAfter(delivered.Length, delivered[^1]);
            if (request.Stopped.Contains(i)) sequence.FinishReason = FinishReason.Stop;
            if (sequence.FinishReason != FinishReason.None) sequence.State = SequenceState.Finished;
            else group.Held.Add(sequence);
        }
        group.Unfinished = group.Held.Count;
        _held += group.Unfinished;
        if (group.Unfinished == 0) return true;
        _groups.Add(request.Id, group);
        LetWait(group, 1);
        if (group.SharedLength == 0) LetWait(group, group.Held.Count);
        return true;
    }

    /// <summary>
    /// Ends a request. Its blocks are free as soon as no step in flight names them. Nothing happens where the request is not here.
    /// </summary>
    public void Cancel(Guid request)
    {
        if (!_groups.Remove(request, out SequenceGroup? group)) return;
        _held -= group.Held.Count;
        group.Held.Clear();
        foreach (Sequence sequence in group.Sequences)
        {
            if (sequence.State != SequenceState.Finished) End(sequence, FinishReason.None);
        }
    }

    /// <summary>Ends some completions of a request, as <see cref="Cancel"/> ends all of them.</summary>
    public void Stop(Guid request, ReadOnlySpan<int> completions)
    {
        if (!_groups.TryGetValue(request, out SequenceGroup? group)) return;
        foreach (int completion in completions)
        {
            Sequence sequence = group.Sequences[completion];
            if (sequence.State == SequenceState.Finished) continue;
            if (group.Held.Remove(sequence)) _held--;
            End(sequence, FinishReason.Stop);
            group.Unfinished--;
        }
        if (group.Unfinished == 0) _groups.Remove(request);

        // The one that computed the prompt may be among them.
        else if (group.Held.Count == group.Unfinished) LetWait(group, 1);
    }

    /// <summary>
    /// The next step, or null where as many are in flight as may be, or nothing is to be done until one of them completes.
    /// </summary>
    /// <param name="epoch">The epoch that the step belongs to.</param>
    /// <param name="number">Its number within the epoch.</param>
    public StepBatch? Schedule(long epoch, int number)
    {
        if (_inFlight.Count >= _options.MaxInFlight) return null;
        if (!TryTakeSuspect())
        {
            TakeDecodes();
            TakePrompts();
            Admit();
        }
        if (_step.Build(epoch, number) is not { } step) return null;
        _inFlight.Enqueue(step);
        _steps++;
        _rows += step.Batch.RowCount;
        return step.Batch;
    }

    /// <summary>Takes the results of the oldest step in flight.</summary>
    /// <param name="number">The step's number.</param>
    /// <param name="tokens">A token for each sequence that asked for one, in the step's order.</param>
    /// <returns>The tokens of requests that are still here, and the ends of those for which no token could be chosen.</returns>
    /// <exception cref="InvalidOperationException">The step is not the oldest in flight.</exception>
    /// <exception cref="ArgumentException">The tokens are not those that the step asked for.</exception>
    public IReadOnlyList<TokenEvent> Complete(int number, SampledToken[] tokens)
    {
        if (!_inFlight.TryPeek(out ScheduledStep? step) || step.Batch.Number != number)
            throw new InvalidOperationException($"Step {number} is not the oldest in flight.");
        Check(step.Batch, tokens);
        _inFlight.Dequeue();
        foreach (BlockFill fill in step.Batch.Fills) _pool.Cache(fill.Block, fill.Hash);

        var events = new List<TokenEvent>(tokens.Length);
        int next = 0;
        for (int i = 0; i < step.Sequences.Length; i++)
        {
            Sequence sequence = step.Sequences[i];
            StepSequence rows = step.Batch.Sequences[i];
            SampledToken? token = rows.Sampling is null ? null : tokens[next++];
            sequence.StepsInFlight--;
            sequence.FailedAttempts = 0;
            sequence.Computed = rows.Length;
            if (sequence.State == SequenceState.Finished)
            {
                if (sequence.StepsInFlight == 0) Release(sequence);
                continue;
            }
            if (sequence.Computed >= sequence.Group.SharedLength) LetWait(sequence.Group, sequence.Group.Held.Count);
            if (token is null) continue;
            if (token.Id == SampledToken.None) events.AddRange(GiveUp(sequence.Group, $"the logits for position {token.Position} of completion {token.Sequence.Completion} are not numbers"));
            else events.Add(Append(sequence, token));
        }
        return events;
    }

    /// <summary>A step in flight threw: its sequences are suspects from now on. It stays in flight until <see cref="Reset"/>.</summary>
    /// <param name="number">The step's number.</param>
    /// <returns>The ends of the completions of requests that are given up.</returns>
    public IReadOnlyList<TokenEvent> Fail(int number)
    {
        var ends = new List<TokenEvent>();
        ScheduledStep failed = _inFlight.First(step => step.Batch.Number == number);
        foreach (Sequence sequence in failed.Sequences)
        {
            if (sequence.State == SequenceState.Finished || ++sequence.FailedAttempts < _options.MaxAttempts) continue;
            ends.AddRange(GiveUp(sequence.Group, null));
        }
        return ends;
    }

    /// <summary>Ends every request with an error, since <paramref name="reason"/>.</summary>
    /// <returns>The ends of their completions.</returns>
    public IReadOnlyList<TokenEvent> FailAll(string reason) => [.. _groups.Values.ToArray().SelectMany(group => GiveUp(group, reason))];

    private TokenEvent[] GiveUp(SequenceGroup group, string? reason)
    {
        TokenEvent[] ends =
        [
            .. group.Sequences.Where(sequence => sequence.State != SequenceState.Finished)
                .Select(sequence => new TokenEvent(sequence.Id, sequence.Length, -1, null, FinishReason.Error, IsStopToken: true, reason)),
        ];
        Cancel(group.Request.Id);
        return ends;
    }

    /// <summary>Forgets the steps in flight, and that the head has any sampler's state: a new epoch begins.</summary>
    public void Reset()
    {
        foreach (ScheduledStep step in _inFlight)
        {
            foreach (Sequence sequence in step.Sequences)
            {
                sequence.StepsInFlight = 0;
                if (sequence.State == SequenceState.Finished) Release(sequence);
            }
        }
        _inFlight.Clear();
        _step.Reset();
        foreach (Sequence sequence in _running)
        {
            sequence.Scheduled = sequence.Computed;
            sequence.HeadHasState = false;
        }
    }

    /// <summary>The pipeline has another number of stages from now on. No step is in flight, and the head has no sampler's state.</summary>
    /// <param name="maxInFlight">Steps in flight at a time.</param>
    /// <param name="tokenBudget">Rows in a step.</param>
    /// <exception cref="InvalidOperationException">A step is in flight.</exception>
    public void Resize(int maxInFlight, int tokenBudget)
    {
        if (_inFlight.Count > 0) throw new InvalidOperationException($"{_inFlight.Count} steps are in flight");
        _options = _options with { MaxInFlight = maxInFlight, TokenBudget = tokenBudget };
        _step = new StepBuilder(_options);
    }

    /// <summary>Starts a scheduler made anew with the blocks that all stages hold under the same hash.</summary>
    public void AdoptCache(IEnumerable<(int Block, BlockHash Hash)> blocks) => _pool.Adopt(blocks);

    /// <summary>
    /// Steps in which stages that have lost their caches compute again all that running sequences have. They are not in flight for the
    /// scheduler: it goes on when they have ended. What is in no sequence is forgotten.
    /// </summary>
    /// <param name="epoch">The epoch that the steps belong to.</param>
    /// <param name="firstNumber">The number of the first of them.</param>
    /// <param name="range">The stages.</param>
    public IReadOnlyList<StepBatch> Rebuild(long epoch, int firstNumber, StageRange range)
    {
        _pool.ForgetUnused();
        return new RebuildSteps(_options, epoch, firstNumber, range).Of(_running);
    }

    /// <summary>The caches cannot be rebuilt and no step is in flight: every sequence gives its blocks back and is computed again.</summary>
    public void ForgetCache()
    {
        while (_running.Count > 0) Preempt(_running[^1]);
        _pool.ForgetUnused();
    }

    /// <summary>Takes a suspect, if one can be taken, as the only sequence of the step.</summary>
    private bool TryTakeSuspect()
    {
        Sequence? suspect = _running.Find(sequence => sequence.IsSuspect && sequence.Remaining > 0);
        if (suspect is not null)
        {
            if (!Reserve(suspect)) return false;
        }
        else if (_waiting.Min is { IsSuspect: true } first && MayAdmit && TryAdmit(first))
        {
            suspect = first;
        }
        if (suspect is null) return false;
        _step.Add(suspect, Math.Min(suspect.Remaining, _step.Room));
        return true;
    }

    private void TakeDecodes()
    {
        int decoding = 0;
        _candidates.Clear();
        foreach (Sequence sequence in _running)
        {
            if (!sequence.IsDecoding) continue;
            decoding++;
            if (sequence.StepsInFlight == 0 && !sequence.IsSuspect) _candidates.Add(sequence);
        }
        int left = (decoding + _options.MaxInFlight - 1) / _options.MaxInFlight;
        foreach (Sequence sequence in _candidates)
        {
            if (left == 0 || _step.Room == 0) return;
            // One taken before may have preempted it.
            if (sequence.State != SequenceState.Running || !Reserve(sequence)) continue;
            _step.Add(sequence, 1);
            left--;
        }
    }

    private void TakePrompts()
    {
        for (int i = 0; i < _running.Count && _step.Room > 0; i++)
        {
            Sequence sequence = _running[i];
            if (!sequence.IsDecoding && !sequence.IsSuspect && sequence.Remaining > 0) _step.Add(sequence, Math.Min(sequence.Remaining, _step.Room));
        }
    }

    private void Admit()
    {
        while (MayAdmit && _step.Room > 0 && _waiting.Min is { IsSuspect: false } sequence && TryAdmit(sequence))
            _step.Add(sequence, Math.Min(sequence.Remaining, _step.Room));
    }

    /// <summary>
    /// Gives the sequence blocks for all of its tokens, cached ones first, and leaves the running ones a block each to grow. Where that
    /// cannot be, nobody is admitted until something has changed.
    /// </summary>
    private bool TryAdmit(Sequence sequence)
    {
        var table = new int[Sequence.BlocksFor(sequence.Length)];
        int shared = 0, shareable = (sequence.Length - 1) / StepBatch.BlockSize;
        while (shared < shareable && _pool.TryShare(sequence.HashOfBlock(shared), out table[shared])) shared++;
        if (_pool.AvailableCount < table.Length - shared + _running.Count)
        {
            while (shared > 0) _pool.Release(table[--shared]);
            _admissionBlocked = true;
            return false;
        }
        for (int i = shared; i < table.Length; i++) table[i] = _pool.Allocate();
        sequence.BlockTable = table;
        sequence.Computed = sequence.Scheduled = shared * StepBatch.BlockSize;
        _rowsSaved += sequence.Computed;
        sequence.State = SequenceState.Running;
        _waiting.Remove(sequence);
        int index = _running.Count;
        while (index > 0 && _running[index - 1].Order > sequence.Order) index--;
        _running.Insert(index, sequence);
        return true;
    }

    /// <summary>Sees that a running sequence has blocks for all of its tokens; preempts younger ones if it must.</summary>
    private bool Reserve(Sequence sequence)
    {
        if (sequence.BlockTable.Length * StepBatch.BlockSize >= sequence.Length) return true;
        while (_pool.AvailableCount == 0)
        {
            int victim = _running.Count - 1;
            while (_running[victim].StepsInFlight > 0) victim--;
            if (_running[victim].Order <= sequence.Order) return false;
            Preempt(_running[victim]);
        }
        sequence.BlockTable = [.. sequence.BlockTable, _pool.Allocate()];
        return true;
    }

    private void Preempt(Sequence sequence)
    {
        _preemptions++;
        _running.Remove(sequence);
        Release(sequence);
        _step.Forget(sequence);
        sequence.Computed = sequence.Scheduled = 0;
        sequence.State = SequenceState.Waiting;
        _waiting.Add(sequence);
    }

    private TokenEvent Append(Sequence sequence, SampledToken token)
    {
        sequence.Append(token.Id);
        _tokensGenerated++;
        FinishReason reason = sequence.Request.FinishAfter(sequence.GeneratedLength, token.Id);
        if (reason != FinishReason.None)
        {
            SequenceGroup group = sequence.Group;
            End(sequence, reason);
            if (--group.Unfinished == 0) _groups.Remove(group.Request.Id);
        }
        return new TokenEvent(sequence.Id, token.Position, token.Id, token.Logprobs, reason, reason == FinishReason.Stop);
    }

    private void End(Sequence sequence, FinishReason reason)
    {
        if (sequence.State == SequenceState.Running) _running.Remove(sequence);
        else _waiting.Remove(sequence);
        sequence.State = SequenceState.Finished;
        sequence.FinishReason = reason;
        _step.Forget(sequence);
        if (sequence.StepsInFlight == 0) Release(sequence);
    }

    /// <summary>Gives the sequence's blocks back, the last first: the end of a text is less likely to be met again than its beginning.</summary>
    private void Release(Sequence sequence)
    {
        for (int i = sequence.BlockTable.Length - 1; i >= 0; i--) _pool.Release(sequence.BlockTable[i]);
        sequence.BlockTable = [];
        _admissionBlocked = false;
    }

    private void LetWait(SequenceGroup group, int count)
    {
        if (count == 0) return;
        for (int i = 0; i < count; i++) _waiting.Add(group.Held[i]);
        group.Held.RemoveRange(0, count);
        _held -= count;
        _admissionBlocked = false;
    }

    private static bool IsBehind(SequenceGroup group, GenerateRequest request)
    {
        for (int i = 0; i < request.Delivered.Length; i++)
        {
            if (i >= group.Sequences.Count || group.Sequences[i].GeneratedLength < request.Delivered[i].Length) return true;
        }
        return false;
    }

    private static void Check(StepBatch batch, SampledToken[] tokens)
    {
        int next = 0;
        foreach (StepSequence rows in batch.Sequences)
        {
            if (rows.Sampling is null) continue;
            if (next == tokens.Length || tokens[next].Sequence != rows.Id || tokens[next].Position != rows.Length)
                throw new ArgumentException($"Step {batch.Number}: expected a token of {rows.Id} at position {rows.Length} as result {next}.", nameof(tokens));
            next++;
        }
        if (next != tokens.Length) throw new ArgumentException($"Step {batch.Number}: expected {next} tokens, found {tokens.Length}.", nameof(tokens));
    }
}
