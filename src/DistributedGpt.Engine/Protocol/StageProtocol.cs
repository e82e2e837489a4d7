namespace DistributedGpt.Engine;

/// <summary>
/// The step protocol on the side of the stages: one instance per replica and silo, in the silo's store, used on the compute lane
/// only (it is not thread-safe, and the order of its calls is the order of the lane).
/// <para>
/// Roles: the replica's coordinator owns the epoch; a stage follows the highest epoch that ever attached it and runs that epoch's
/// steps in the order of their numbers, run by run (<see cref="StepBatch.FirstOfRun"/>). All stages of the replica on this silo share
/// one epoch, so attaching one fences the others as well.
/// </para>
/// <para>
/// Phases of a stage: unattached (refuses everything), attached (runs, holds back or drops steps), failed (a step threw half-way:
/// its rows are missing from the cache, so everything is refused until the next Attach).
/// </para>
/// <para>
/// Invariants: when Attach has answered, no step of an older epoch runs or will run here; a step runs only after all steps with
/// lower numbers of its epoch have run, and at most once; a block has a hash only while its content is what the hash names: a
/// step that writes to the block clears the hash when it begins, a step that fills the block sets it when it has finished.
/// </para>
/// <para>
/// Hashes belong to the layers, by their incarnations: a plan may cut the layers anew into stages. A stage's layers are written
/// together and share one table while they are attached; it starts with what all of them hold. What a layer holds that was
/// copied from another silo comes by <see cref="Adopt"/>; <see cref="BlocksOf"/> is where such a copy is read.
/// </para>
/// <para>
/// The border log behind a stage has its rows for as long as the cache has theirs, but may have begun later: a block is logged once a
/// step has written it from its first position on. A log that was not behind this stage in the last epoch in which steps ran here has
/// missed them, and begins anew.
/// </para>
/// <para>
/// Crash case: the state lives and dies with the layers' memory. After a crash the layers have new incarnations and no hashes,
/// and the stage is unattached; a layer that is loaded anew beside surviving ones makes the stage forget its hashes at the next
/// Attach and refuse steps until then.
/// </para>
/// </summary>
/// <typeparam name="TStep">What the driver keeps of a step that waits: its hidden states and its caller.</typeparam>
public sealed class StageProtocol<TStep>
    where TStep : class
{
    private readonly Dictionary<int, Stage> _stages = [];
    private readonly Dictionary<long, Dictionary<int, BlockHash>> _hashes = [];
    private bool _hasRun;

    /// <summary>The highest epoch that attached a stage of this replica here; 0 before the first.</summary>
    public long Epoch { get; private set; }

    /// <summary>
    /// A coordinator attaches a stage under an epoch: the barrier. A new epoch drops the held steps of all stages here; the same
    /// epoch again is answered again and changes nothing.
    /// </summary>
    /// <param name="epoch">The coordinator's epoch, at least 1.</param>
    /// <param name="stage">The stage's index in the plan.</param>
    /// <param name="incarnations">The incarnations that the stage's layers have in the store now, in order.</param>
    /// <param name="log">The incarnation of the border log behind the stage; null where it has none.</param>
    /// <param name="dropped">Receives the steps that were held and never run: the driver fails their callers.</param>
    /// <returns>The answer for the coordinator.</returns>
    public AttachReply Attach(long epoch, int stage, ReadOnlySpan<long> incarnations, long? log, ICollection<TStep> dropped)
    {
        if (epoch < Epoch) return new AttachReply { Refusal = new StageRefusal(RefusalReason.Epoch, Epoch) };
        if (epoch > Epoch)
        {
            Epoch = epoch;
            foreach (Stage other in _stages.Values) other.Detach(dropped, haveStepsRun: _hasRun);
            _hasRun = false;
        }

        if (!_stages.TryGetValue(stage, out Stage? state)) _stages.Add(stage, state = new Stage());
        bool same = incarnations.SequenceEqual(state.Incarnations);
        if (state.IsAttached && !same)
        {
            // Steps of this epoch may have run on the former layers: only a new epoch makes the stage whole again.
            return new AttachReply { Refusal = new StageRefusal(RefusalReason.Incarnation, Epoch) };
        }

        state.Incarnations = incarnations.ToArray();
        state.Hashes = Share(incarnations);
        state.Follow(log);
        state.IsAttached = true;
        return new AttachReply
        {
            Incarnations = state.Incarnations,
            Blocks = [.. state.Hashes.Select(block => new BlockFill(block.Key, block.Value)).OrderBy(fill => fill.Block)],
            Logged = [.. state.Logged.Order()],
        };
    }

    /// <summary>
    /// The full blocks of a layer with their hashes, for a copy of it: what they are named is what they hold until the lane's next
    /// item.
    /// </summary>
    /// <param name="epoch">The epoch of the coordinator that wants the copy.</param>
    /// <param name="incarnation">The layer's incarnation, as it knows it.</param>
    /// <returns>The blocks' hashes, to be read within this item of the lane; null where no attached stage runs that layer under that epoch.</returns>
    public IReadOnlyDictionary<int, BlockHash>? BlocksOf(long epoch, long incarnation) => epoch != Epoch
        ? null
        : _stages.Values.FirstOrDefault(stage => stage is { IsAttached: true, HasFailed: false } && stage.Incarnations.Contains(incarnation))?.Hashes;

    /// <summary>A finished copy becomes a layer here: the next Attach of its stage finds what it holds.</summary>
    /// <param name="incarnation">The copy's own incarnation.</param>
    /// <param name="blocks">Its full blocks with their hashes.</param>
    public void Adopt(long incarnation, IEnumerable<BlockFill> blocks) => _hashes[incarnation] = blocks.ToDictionary(fill => fill.Block, fill => fill.Hash);

    /// <summary>A layer is no longer here.</summary>
    /// <param name="incarnation">Its incarnation.</param>
    public void Forget(long incarnation) => _hashes.Remove(incarnation);

    /// <summary>A step has reached the front of the lane.</summary>
    /// <param name="batch">The step.</param>
    /// <param name="stage">The stage's index in the plan.</param>
    /// <param name="incarnations">The incarnations that the stage's layers have in the store now, in order.</param>
    /// <param name="step">What to keep if the step must wait.</param>
    /// <returns>What to do with it; on <see cref="StageVerdict.Run"/> the blocks that it writes have lost their hashes.</returns>
    /// <exception cref="InvalidOperationException">Another step runs in the stage: the calls did not come from one lane.</exception>
    public StageDecision Begin(StepBatch batch, int stage, ReadOnlySpan<long> incarnations, TStep step)
    {
        if (batch.Epoch != Epoch || !_stages.TryGetValue(stage, out Stage? state) || !state.IsAttached)
            return Refuse(RefusalReason.Epoch);
        if (!incarnations.SequenceEqual(state.Incarnations)) return Refuse(RefusalReason.Incarnation);
        if (state.HasFailed) return Refuse(RefusalReason.Failed);
        if (stage < batch.Rebuild?.First) return new StageDecision(StageVerdict.Resend);
        if (batch.FirstOfRun > state.Run) (state.Run, state.Next) = (batch.FirstOfRun, batch.FirstOfRun);
        if (batch.FirstOfRun < state.Run || batch.Number < state.Next) return new StageDecision(StageVerdict.Duplicate);
        if (batch.Number > state.Next)
            return new StageDecision(state.Held.TryAdd(batch.Number, step) ? StageVerdict.Hold : StageVerdict.Duplicate);
        if (state.Running is not null)
            throw new InvalidOperationException($"step {batch.Number} began in stage {stage} while step {state.Running.Number} runs");

        state.Running = batch;
        state.Next = batch.Number + 1;
        _hasRun = true;
        foreach (StepSequence sequence in batch.Sequences)
        {
            int last = (sequence.Length - 1) / StepBatch.BlockSize;
            for (int i = sequence.FirstPosition / StepBatch.BlockSize; i <= last; i++)
            {
                state.Hashes.Remove(sequence.BlockTable[i]);
                if (i * StepBatch.BlockSize >= sequence.FirstPosition) state.Logged.Remove(sequence.BlockTable[i]);
            }
        }

        return new StageDecision(StageVerdict.Run);

        StageDecision Refuse(RefusalReason reason) => new(StageVerdict.Refused, new StageRefusal(reason, Epoch));
    }

    /// <summary>
    /// The step that runs in the stage has gone through all of its layers and into the border log: the blocks that it filled have their
    /// hashes, those that it began are logged.
    /// </summary>
    /// <param name="stage">The stage's index in the plan.</param>
    /// <returns>The held step that is next, to be put at the front of the lane, where it begins again; null if none is.</returns>
    /// <exception cref="InvalidOperationException">No step runs in the stage.</exception>
    public TStep? Finished(int stage)
    {
        Stage state = TakeRunning(stage, out StepBatch batch);
        foreach (BlockFill fill in batch.Fills) state.Hashes[fill.Block] = fill.Hash;
        if (state.Log is not null)
        {
            foreach (StepSequence sequence in batch.Sequences)
            {
                int first = (sequence.FirstPosition + StepBatch.BlockSize - 1) / StepBatch.BlockSize, last = (sequence.Length - 1) / StepBatch.BlockSize;
                for (int i = first; i <= last; i++) state.Logged.Add(sequence.BlockTable[i]);
            }
        }

        return state.Held.Remove(state.Next, out TStep? next) ? next : null;
    }

    /// <summary>The step that runs in the stage threw: the stage refuses every later one until the next Attach.</summary>
    /// <param name="stage">The stage's index in the plan.</param>
    /// <param name="dropped">Receives the steps that were held: the driver fails their callers.</param>
    /// <exception cref="InvalidOperationException">No step runs in the stage.</exception>
    public void Failed(int stage, ICollection<TStep> dropped)
    {
        Stage state = TakeRunning(stage, out _);
        state.HasFailed = true;
        state.DropHeld(dropped);
    }

    /// <summary>
    /// A new table of what all layers of a stage hold, which is theirs from now on. The former ones stay as they are for layers that
    /// are no longer of the stage and are not written with it.
    /// </summary>
    private Dictionary<int, BlockHash> Share(ReadOnlySpan<long> incarnations)
    {
        Dictionary<int, BlockHash>? all = null, former = null;
        foreach (long incarnation in incarnations)
        {
            Dictionary<int, BlockHash> own = _hashes.GetValueOrDefault(incarnation) ?? [];
            if (all is null) all = new Dictionary<int, BlockHash>(own);
            else if (!ReferenceEquals(own, former)) all = all.Intersect(own).ToDictionary();
            former = own;
        }

        all ??= [];
        foreach (long incarnation in incarnations) _hashes[incarnation] = all;
        return all;
    }

    private Stage TakeRunning(int stage, out StepBatch batch)
    {
        if (!_stages.TryGetValue(stage, out Stage? state) || state.Running is not { } running)
            throw new InvalidOperationException($"no step runs in stage {stage}");
        batch = running;
        state.Running = null;
        return state;
    }

    private sealed class Stage
    {
        public bool IsAttached { get; set; }

        public bool HasFailed { get; set; }

        public int Run { get; set; }

        public int Next { get; set; }

        public StepBatch? Running { get; set; }

        public long[] Incarnations { get; set; } = [];

        public SortedDictionary<int, TStep> Held { get; } = [];

        public Dictionary<int, BlockHash> Hashes { get; set; } = [];

        public long? Log { get; private set; }

        public HashSet<int> Logged { get; private set; } = [];

        public void Follow(long? log)
        {
            if (Log != log) Logged = [];
            Log = log;
        }

        public void Detach(ICollection<TStep> dropped, bool haveStepsRun)
        {
            if (!IsAttached && haveStepsRun) Follow(null);
            IsAttached = false;
            HasFailed = false;
            (Run, Next) = (0, 0);
            DropHeld(dropped);
        }

        public void DropHeld(ICollection<TStep> dropped)
        {
            foreach (TStep step in Held.Values) dropped.Add(step);
            Held.Clear();
        }
    }
}
