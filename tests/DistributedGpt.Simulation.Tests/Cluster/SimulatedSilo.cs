namespace DistributedGpt.Simulation.Tests;

/// <summary>
/// A silo: a lane that runs one item at a time, and the layers of the replica that lie here, in stages behind one stage protocol, with
/// the copies of others that are to come here.
/// </summary>
internal sealed class SimulatedSilo
{
    private readonly Simulation _simulation;
    private readonly SimulationCase _case;
    private readonly StageProtocol<Step> _protocol = new();
    private readonly Dictionary<int, FakeLayer> _layers = [];
    private readonly Dictionary<int, FakeLog> _logs = [];
    private readonly Dictionary<int, PlanStage> _stages = [];
    private readonly Dictionary<Guid, SimulatedCopy> _copies = [];
    private readonly PlanOrder _order = new();
    private readonly FakeHead _head;
    private readonly LinkedList<Action> _lane = new();
    private readonly MutatedStages? _mutated;
    private readonly HashSet<Action> _unanswered = [];
    private bool _busy;

    public SimulatedSilo(Simulation simulation, int index)
    {
        _simulation = simulation;
        _case = simulation.Case;
        Index = index;
        _head = new FakeHead(_case, simulation.Random);
        if (_case.Mutation is Mutation.KeepHash or Mutation.NoBarrier or Mutation.SameIncarnation) _mutated = new MutatedStages();
    }

    public int Index { get; }

    public bool IsAlive { get; private set; } = true;

    /// <summary>Membership lists it as dead.</summary>
    public bool IsLost { get; private set; }

    public IEnumerable<int> Layers => _layers.Keys;

    public int CopyCount => _copies.Count;

    /// <summary>The process ends in the middle of what it does.</summary>
    public void Kill()
    {
        IsAlive = false;
        _lane.Clear();
    }

    /// <summary>The silo is declared dead: who waits for an answer sees an exception.</summary>
    public void Bury()
    {
        IsLost = true;
        foreach (Action lose in _unanswered) lose();
        _unanswered.Clear();
    }

    /// <summary>Loads a layer anew, between two items of the lane.</summary>
    public void Reload(int layer) => Enqueue(() =>
    {
        if (_layers.ContainsKey(layer)) _layers[layer] = new FakeLayer(layer, _case.Blocks, _simulation.Random);
        if (_case.Mutation != Mutation.SameIncarnation) _mutated?.Forget();
        Next();
    });

    /// <summary>The call of Load for the layers that the plan gives to this silo: what is here is adopted, a finished copy becomes the layer.</summary>
    public void Load(SimulatedRecord record, PlanStage stage, Call<bool> from)
    {
        Call<bool> call = Received(from);
        if (!IsAlive) return;
        if (!_order.MayLoad(record.Epoch))
        {
            call.Throw();
            return;
        }

        for (int layer = stage.FirstLayer; layer < stage.EndLayer; layer++)
        {
            _simulation.MoveGrain(layer, this);
            if (FindCopy(record, layer) is { } copied)
            {
                if (_layers.TryGetValue(layer, out FakeLayer? stale)) _protocol.Forget(stale.Incarnation);
                _layers[layer] = copied.Layer;
                _protocol.Adopt(copied.Layer.Incarnation, copied.Copy.Blocks);
                _simulation.Counts.Copies++;
            }
            else if (!_layers.ContainsKey(layer))
            {
                _layers[layer] = new FakeLayer(layer, _case.Blocks, _simulation.Random);
            }
        }

        _copies.Remove(record.Migration);
        call.Return(true);
    }

    /// <summary>The call that leaves here only what the plan gives to this silo, and the copy of a migration that is under way.</summary>
    /// <param name="record">The record.</param>
    /// <param name="migration">The number of that migration, or of the next one.</param>
    /// <param name="from">The caller.</param>
    public void Keep(SimulatedRecord record, int migration, Call<bool> from)
    {
        if (IsAlive && _order.MayChange(record.Epoch, migration))
        {
            foreach (int layer in _layers.Keys.Where(layer => record.Plan.Stages[record.Plan.StageOf(layer)].Silo != Index).ToArray())
            {
                _protocol.Forget(_layers[layer].Incarnation);
                _layers.Remove(layer);
            }

            foreach (int end in _logs.Keys.Where(end => !record.Plan.Stages.Any(stage => stage.Silo == Index && stage.EndLayer == end)).ToArray()) _logs.Remove(end);
            foreach ((Guid id, _) in _copies.Where(copy => copy.Value.IsBefore(record.Epoch, migration)).ToArray()) _copies.Remove(id);
        }

        Received(from).Return(true);
    }

    /// <summary>The call that begins a copy of layers here.</summary>
    public void BeginCopy(SimulatedMigration migration, Call<bool> from)
    {
        Call<bool> call = Received(from);
        if (!IsAlive || _copies.ContainsKey(migration.Id) || !_order.MayChange(migration.Epoch, migration.Number))
        {
            call.Throw();
            return;
        }

        var copy = new SimulatedCopy(_simulation, this, migration);
        _copies.Add(migration.Id, copy);
        copy.Begin(call);
    }

    /// <summary>The call that finishes it.</summary>
    public void FinishCopy(Guid migration, int[] live, Call<Dictionary<long, long>> from)
    {
        Call<Dictionary<long, long>> call = Received(from);
        if (IsAlive && _copies.TryGetValue(migration, out SimulatedCopy? copy)) copy.Finish(live, call);
        else call.Throw();
    }

    /// <summary>Whether that is a copy here still.</summary>
    public bool Has(SimulatedCopy copy, Guid migration) => _copies.TryGetValue(migration, out SimulatedCopy? present) && present == copy;

    /// <summary>The call that asks for the full blocks of a layer.</summary>
    public void Describe(long epoch, long incarnation, Call<BlockFill[]> from)
    {
        Call<BlockFill[]> call = Received(from);
        Work(() =>
        {
            if (_protocol.BlocksOf(epoch, incarnation) is { } blocks) call.Return([.. blocks.Select(block => new BlockFill(block.Key, block.Value)).OrderBy(fill => fill.Block)]);
            else call.Throw();
        });
    }

    /// <summary>The call that reads a block of a layer.</summary>
    public void Read(long epoch, int layer, long incarnation, int block, Call<CachePiece> from)
    {
        Call<CachePiece> call = Received(from);
        Work(() =>
        {
            if (_protocol.BlocksOf(epoch, incarnation) is not { } blocks || !_layers.TryGetValue(layer, out FakeLayer? present) || present.Incarnation != incarnation)
            {
                call.Throw();
                return;
            }

            ulong[] content = present.Block(block).ToArray();
            call.Return(new CachePiece(block, blocks.TryGetValue(block, out BlockHash hash) ? hash : null, content, CachePiece.Sum(content)));
        });
    }

    /// <summary>Does something in the lane that takes no time.</summary>
    public void Work(Action item) => Enqueue(() =>
    {
        item();
        Next();
    });

    /// <summary>The call of Attach: a barrier in the lane.</summary>
    public void Attach(long epoch, int stage, PlanStage spec, Call<AttachReply> from)
    {
        Call<AttachReply> call = Received(from);
        if (_case.Mutation == Mutation.NoBarrier && Holds(spec))
        {
            _stages[stage] = spec;
            call.Return(_mutated!.Peek(stage, Incarnations(stage)));
            return;
        }

        Enqueue(() =>
        {
            if (!Holds(spec))
            {
                call.Throw();
                Next();
                return;
            }

            AttachReply reply = AttachNow(epoch, stage, spec);
            Occupy(0.05, () => call.Return(reply));
        });
    }

    /// <summary>The call of a step: one item in the lane, then the next stage's.</summary>
    public void Execute(Step work)
    {
        Step received = work with { Call = Received(work.Call) };
        Enqueue(() => Run(received));
    }

    /// <summary>Whether all layers of a stage are here.</summary>
    public bool Holds(PlanStage spec) => Enumerable.Range(spec.FirstLayer, spec.LayerCount).All(_layers.ContainsKey);

    /// <summary>What the stage holds now, for the check at the end.</summary>
    public AttachReply AttachNow(long epoch, int stage, PlanStage spec)
    {
        if (epoch >= _protocol.Epoch) _stages[stage] = spec;
        if (!spec.Head && !_logs.ContainsKey(spec.EndLayer)) _logs.Add(spec.EndLayer, new FakeLog(_case.Blocks, _simulation.Random));
        var dropped = new List<Step>();
        AttachReply reply = _protocol.Attach(epoch, stage, Incarnations(spec, stage), spec.Head ? null : _logs[spec.EndLayer].Incarnation, dropped);
        foreach (Step work in dropped) work.Call.Throw(new StageRefusal(RefusalReason.Epoch, _protocol.Epoch));
        if (_case.Mutation == Mutation.WholeLog && !spec.Head) reply = reply with { Logged = [.. Enumerable.Range(0, _case.Blocks)] };
        return _case.Mutation == Mutation.KeepHash ? _mutated!.WithKeptHashes(stage, reply) : reply;
    }

    private (FakeLayer Layer, LayerCopy Copy)? FindCopy(SimulatedRecord record, int layer)
    {
        if (_case.Mutation == Mutation.EarlyCopy && !_layers.ContainsKey(layer) && _copies.Values.FirstOrDefault(copy => copy.Find(layer) is not null) is { } any) return any.Find(layer);
        return _copies.TryGetValue(record.Migration, out SimulatedCopy? copy) ? copy.Find(layer) : null;
    }

    /// <summary>Those of the stage's layers now; none where they are not all here.</summary>
    private long[] Incarnations(int stage) => _stages.TryGetValue(stage, out PlanStage? spec) && Holds(spec) ? Incarnations(spec, stage) : [];

    private long[] Incarnations(PlanStage spec, int stage)
    {
        long[] now = [.. Enumerable.Range(spec.FirstLayer, spec.LayerCount).Select(layer => _layers[layer].Incarnation)];
        return _case.Mutation == Mutation.SameIncarnation ? _mutated!.FirstIncarnations(stage, now) : now;
    }

    private void Run(Step work)
    {
        StepBatch batch = work.Batch;
        if (_case.Mutation == Mutation.NoBarrier && batch.Epoch > _protocol.Epoch)
        {
            foreach ((int each, PlanStage spec) in _stages.ToArray()) AttachNow(batch.Epoch, each, spec);
        }

        StageDecision decision = _protocol.Begin(batch, work.Stage, Incarnations(work.Stage), work);
        switch (decision.Verdict)
        {
            case StageVerdict.Run:
                Compute(work, guarded: true);
                return;
            case StageVerdict.Resend:
                Resend(work);
                Next();
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
                if (_case.Mutation == Mutation.NoEpochCheck && decision.Refusal!.Reason == RefusalReason.Epoch && _stages.ContainsKey(work.Stage))
                {
                    Compute(work, guarded: false);
                    return;
                }

                work.Call.Throw(decision.Refusal);
                Next();
                return;
        }
    }

    private void Resend(Step work)
    {
        PlanStage stage = _stages[work.Stage];
        _simulation.Execute(work.Batch, _logs[stage.EndLayer].Read(work.Batch), work.Stage + 1, stage.EndLayer, work.Origin, work.Call);
    }

    /// <param name="work">The step.</param>
    /// <param name="guarded">False where a mutated driver runs the step behind the protocol's back.</param>
    private void Compute(Step work, bool guarded)
    {
        PlanStage stage = _stages[work.Stage];
        if (_case.Mutation == Mutation.NoBarrier) _mutated!.Began(work.Stage, work.Batch);
        bool throws = guarded && _simulation.Throws(work.Batch, stage);
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

            ulong[] output = work.Hidden is null ? FakeModel.Embed(work.Batch) : [.. work.Hidden];
            for (int layer = stage.FirstLayer; layer < stage.EndLayer; layer++)
            {
                // One that was taken away while an unguarded step ran is not there any more.
                if (_layers.TryGetValue(layer, out FakeLayer? present)) present.Forward(work.Batch, output);
            }

            StageRange? rebuild = work.Batch.Rebuild;
            if (!stage.Head && (rebuild is null || _case.Mutation != Mutation.NoLogRefill) && _logs.TryGetValue(stage.EndLayer, out FakeLog? log)) log.Write(work.Batch, output);
            _mutated?.Wrote(work.Stage, work.Batch);
            if (guarded && _protocol.Finished(work.Stage) is { } next) _lane.AddFirst(() => Run(next));
            if (work.Stage + 1 == rebuild?.End)
            {
                work.Call.Return(true);
                return;
            }

            if (!stage.Head)
            {
                _simulation.Execute(work.Batch, output, work.Stage + 1, stage.EndLayer, work.Origin, work.Call);
                return;
            }

            SampledToken[] tokens = _head.Sample(work.Batch, output);
            _simulation.Network.Send<bool>(
                call => work.Origin.Completed(work.Batch.Epoch, work.Batch.Number, tokens, call),
                _ => work.Call.Return(true),
                _ => work.Call.Throw());
        });
    }

    private void Throw(Step work)
    {
        work.Call.Throw(new StageRefusal(RefusalReason.Threw, _protocol.Epoch));
        if (_case.Mutation == Mutation.IgnoreFailure)
        {
            if (_protocol.Finished(work.Stage) is { } next) _lane.AddFirst(() => Run(next));
            return;
        }

        var dropped = new List<Step>();
        _protocol.Failed(work.Stage, dropped);
        foreach (Step each in dropped) each.Call.Throw(new StageRefusal(RefusalReason.Failed, _protocol.Epoch));
    }

    /// <summary>The call as this silo holds it: its answer, from here or from stages behind, goes no further than a dead silo.</summary>
    private Call<T> Received<T>(Call<T> call)
    {
        if (IsLost) call.Throw();
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
    public sealed record Step(StepBatch Batch, ulong[]? Hidden, int Stage, SimulatedCoordinator Origin, Call<bool> Call);
}
