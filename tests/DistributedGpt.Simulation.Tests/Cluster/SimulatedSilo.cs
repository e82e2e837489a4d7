namespace DistributedGpt.Simulation.Tests;

/// <summary>A silo: a lane that runs one item at a time, and the stages of the replica that lie here behind one stage protocol.</summary>
internal sealed class SimulatedSilo
{
    private readonly Simulation _simulation;
    private readonly SimulationCase _case;
    private readonly StageProtocol<Work> _protocol = new();
    private readonly Dictionary<int, FakeStage> _stages;
    private readonly LinkedList<Action> _lane = new();
    private readonly MutatedStages? _mutated;
    private readonly HashSet<Action> _unanswered = [];
    private bool _busy;

    public SimulatedSilo(Simulation simulation, IEnumerable<FakeStage> stages)
    {
        _simulation = simulation;
        _case = simulation.Case;
        _stages = stages.ToDictionary(stage => stage.Index);
        if (_case.Mutation is Mutation.KeepHash or Mutation.NoBarrier or Mutation.SameIncarnation) _mutated = new MutatedStages();
    }

    public bool IsAlive { get; private set; } = true;

    public IEnumerable<int> Stages => _stages.Keys;

    /// <summary>The process ends in the middle of what it does.</summary>
    public void Kill()
    {
        IsAlive = false;
        _lane.Clear();
    }

    /// <summary>The silo is declared dead: who waits for an answer sees an exception.</summary>
    public void Bury()
    {
        foreach (Action lose in _unanswered) lose();
        _unanswered.Clear();
    }

    /// <summary>Loads a layer anew, between two items of the lane.</summary>
    public void Reload(int stage, int layer) => Enqueue(() =>
    {
        _stages[stage].Load(layer);
        if (_case.Mutation != Mutation.SameIncarnation) _mutated?.Forget(stage);
        Next();
    });

    /// <summary>The call of Attach: a barrier in the lane.</summary>
    public void Attach(long epoch, int stage, Call<AttachReply> from)
    {
        Call<AttachReply> call = Received(from);
        if (_case.Mutation == Mutation.NoBarrier)
        {
            call.Return(_mutated!.Peek(stage, Incarnations(stage)));
            return;
        }

        Enqueue(() =>
        {
            AttachReply reply = AttachNow(epoch, stage);
            Occupy(0.05, () => call.Return(reply));
        });
    }

    /// <summary>The call of a step: one item in the lane, then the next stage's.</summary>
    public void Execute(Work work)
    {
        Work received = work with { Call = Received(work.Call) };
        Enqueue(() => Run(received));
    }

    /// <summary>What the stage holds now, for the check at the end.</summary>
    public AttachReply AttachNow(long epoch, int stage)
    {
        var dropped = new List<Work>();
        AttachReply reply = _protocol.Attach(epoch, stage, Incarnations(stage), dropped);
        foreach (Work work in dropped) work.Call.Throw(new StageRefusal(RefusalReason.Epoch, _protocol.Epoch));
        return _case.Mutation == Mutation.KeepHash ? _mutated!.WithKeptHashes(stage, reply) : reply;
    }

    private long[] Incarnations(int stage) =>
        _case.Mutation == Mutation.SameIncarnation ? _mutated!.FirstIncarnations(stage, _stages[stage].Incarnations) : _stages[stage].Incarnations;

    private void Run(Work work)
    {
        StepBatch batch = work.Batch;
        if (_case.Mutation == Mutation.NoBarrier && batch.Epoch > _protocol.Epoch)
        {
            foreach (int each in _stages.Keys) AttachNow(batch.Epoch, each);
        }

        StageDecision decision = _protocol.Begin(batch, work.Stage, Incarnations(work.Stage), work);
        switch (decision.Verdict)
        {
            case StageVerdict.Run:
                Compute(work, guarded: true);
                return;
            case StageVerdict.Hold:
                _simulation.Counts.Held++;
                if (_case.Mutation == Mutation.NoOrder) Compute(work, guarded: false);
                else Next();
                return;
            case StageVerdict.Duplicate:
                _simulation.Counts.Duplicates++;
                work.Call.Throw();
                Next();
                return;
            default:
                _simulation.Counts.Refused++;
                if (_case.Mutation == Mutation.NoEpochCheck && decision.Refusal!.Reason == RefusalReason.Epoch)
                {
                    Compute(work, guarded: false);
                    return;
                }

                work.Call.Throw(decision.Refusal);
                Next();
                return;
        }
    }

    /// <param name="work">The step.</param>
    /// <param name="guarded">False where a mutated driver runs the step behind the protocol's back.</param>
    private void Compute(Work work, bool guarded)
    {
        FakeStage stage = _stages[work.Stage];
        if (_case.Mutation == Mutation.NoBarrier) _mutated!.Began(work.Stage, work.Batch);
        bool throws = guarded && _simulation.Throws(work.Batch, work.Stage);
        double duration = 0.05 + _simulation.Random.NextDouble() * _case.StepTime;
        if (_simulation.Network.Chance(_case.Hangs))
        {
            _simulation.Counts.Hung++;
            duration += _simulation.Random.NextDouble() * 600;
        }

        Occupy(duration, () =>
        {
            if (throws)
            {
                _simulation.Counts.Threw++;
                Throw(work);
                return;
            }

            ulong[] output = stage.Forward(work.Batch, work.Hidden);
            _mutated?.Wrote(work.Stage, work.Batch);
            if (guarded && _protocol.Finished(work.Stage) is { } next) _lane.AddFirst(() => Run(next));
            if (!stage.IsLast)
            {
                _simulation.Execute(work.Batch, output, work.Stage + 1, work.Origin, work.Call);
                return;
            }

            SampledToken[] tokens = stage.Sample(work.Batch, output);
            _simulation.Network.Send<bool>(
                call => work.Origin.Completed(work.Batch.Epoch, work.Batch.Number, tokens, call),
                _ => work.Call.Return(true),
                _ => work.Call.Throw());
        });
    }

    private void Throw(Work work)
    {
        work.Call.Throw(new StageRefusal(RefusalReason.Threw, _protocol.Epoch));
        if (_case.Mutation == Mutation.IgnoreFailure)
        {
            if (_protocol.Finished(work.Stage) is { } next) _lane.AddFirst(() => Run(next));
            return;
        }

        var dropped = new List<Work>();
        _protocol.Failed(work.Stage, dropped);
        foreach (Work each in dropped) each.Call.Throw(new StageRefusal(RefusalReason.Failed, _protocol.Epoch));
    }

    /// <summary>The call as this silo holds it: its answer, from here or from stages behind, goes no further than a dead silo.</summary>
    private Call<T> Received<T>(Call<T> call)
    {
        Action lose = () => call.Throw();
        _unanswered.Add(lose);
        return new Call<T>(value => Answer(() => call.Return(value)), refusal => Answer(() => call.Throw(refusal)));

        void Answer(Action answer)
        {
            if (IsAlive && _unanswered.Remove(lose)) answer();
        }
    }

    private void Enqueue(Action item)
    {
        if (!IsAlive) return;
        _lane.AddLast(item);
        if (!_busy) Next();
    }

    /// <summary>The item that runs ends after a while.</summary>
    private void Occupy(double duration, Action end) => _simulation.Time.After(duration, () =>
    {
        if (!IsAlive) return;
        end();
        Next();
    });

    private void Next()
    {
        _busy = _lane.First is not null;
        if (!_busy) return;
        Action item = _lane.First!.Value;
        _lane.RemoveFirst();
        item();
    }

    /// <summary>A step on its way into a stage, with its caller and the coordinator that sent it.</summary>
    public sealed record Work(StepBatch Batch, ulong[]? Hidden, int Stage, SimulatedCoordinator Origin, Call<bool> Call);
}
