using static DistributedGpt.Engine.CoordinatorCommand;

namespace DistributedGpt.Simulation.Tests;

/// <summary>An activation of the coordinator's grain: it carries out the protocol's commands and brings it what comes in.</summary>
internal sealed class SimulatedCoordinator
{
    /// <summary>A call of Next waits so long for tokens.</summary>
    private const double Heartbeat = 15;

    private readonly Simulation _simulation;
    private readonly SimulationCase _case;
    private readonly Guid _id;
    private readonly BlockPool _pool;
    private readonly Scheduler _scheduler;
    private readonly CoordinatorProtocol _protocol;
    private readonly Dictionary<Guid, (Call<TokenBatch> Call, DeliveryAck Ack)> _waiting = [];
    private readonly Dictionary<Guid, DeliveryAck> _answered = [];
    private readonly Dictionary<int, long[]> _incarnations = [];
    private BlockFill[] _firstStage = [];
    private bool _owned;
    private bool _adopted;

    public SimulatedCoordinator(Simulation simulation, Guid id)
    {
        _simulation = simulation;
        _case = simulation.Case;
        _id = id;
        _pool = new BlockPool(_case.Blocks);
        _scheduler = new Scheduler(_case.Scheduling, _pool, new BlockHasher("fake"));
        _protocol = new CoordinatorProtocol(id, _scheduler, _case.Coordination);
        _simulation.Counts.Coordinators++;
        _protocol.Start();
        CarryOut();
    }

    /// <summary>The process has it; after this is false it neither hears nor says anything.</summary>
    public bool IsAlive { get; private set; } = true;

    public SchedulerStatus Status => _scheduler.Status;

    public CoordinatorState State => _protocol.State;

    public long Epoch => _protocol.Epoch;

    /// <summary>The blocks that it would share, with their hashes.</summary>
    public IEnumerable<BlockFill> CachedBlocks =>
        from block in Enumerable.Range(0, _pool.Count) where _pool.HashOf(block) is not null select new BlockFill(block, _pool.HashOf(block)!.Value);

    public void Kill() => IsAlive = false;

    public void Replan() => Hear(_protocol.Replan);

    /// <summary>Whether these are the incarnations with which the stage attached last.</summary>
    public bool Knows(int stage, long[] incarnations) => _incarnations.TryGetValue(stage, out long[]? known) && known.SequenceEqual(incarnations);

    public void Submit(GenerateRequest request, Guid subscription, Call<DeliverySession?> call) =>
        Take(call, () => call.Return(_protocol.Submit(request, subscription)));

    public void Cancel(Guid request, Call<bool> call) => Take(call, () =>
    {
        _protocol.Cancel(request);
        call.Return(true);
    });

    public void Next(Guid subscription, DeliveryAck ack, Call<TokenBatch> call) => Take(call, () =>
    {
        if (_waiting.Remove(subscription, out (Call<TokenBatch> Call, DeliveryAck Ack) older)) older.Call.Return(_protocol.Next(subscription, older.Ack));
        if (_case.Mutation == Mutation.NoAcknowledgement) ack = _answered.GetValueOrDefault(subscription, ack);
        TokenBatch batch = _protocol.Next(subscription, ack);
        if (batch.Entries.Length > 0) _answered[subscription] = new DeliveryAck(batch.Session, batch.Number);
        if (batch.Entries.Length > 0 || batch.Session == default)
        {
            call.Return(batch);
            return;
        }

        _waiting[subscription] = (call, ack);
        _simulation.Time.After(Heartbeat, () =>
        {
            if (_waiting.TryGetValue(subscription, out (Call<TokenBatch> Call, DeliveryAck Ack) waiting) && waiting.Call == call) Answer(subscription);
        });
    });

    public void Completed(long epoch, int number, SampledToken[] tokens, Call<bool> call) => Take(call, () =>
    {
        long at = _case.Mutation == Mutation.LateCompleted ? Epoch : epoch;
        _protocol.Completed(at, number, tokens);
        call.Return(true);
    });

    private void Take<T>(Call<T> call, Action input)
    {
        if (!IsAlive)
        {
            call.Throw();
            return;
        }

        input();
        CarryOut();
    }

    private void Hear(Action input)
    {
        if (!IsAlive) return;
        input();
        CarryOut();
    }

    private void Answer(Guid subscription)
    {
        if (!IsAlive || !_waiting.Remove(subscription, out (Call<TokenBatch> Call, DeliveryAck Ack) waiting)) return;
        TokenBatch batch = _protocol.Next(subscription, waiting.Ack);
        if (batch.Entries.Length > 0) _answered[subscription] = new DeliveryAck(batch.Session, batch.Number);
        waiting.Call.Return(batch);
        CarryOut();
    }

    private void CarryOut()
    {
        while (_protocol.TryTake(out CoordinatorCommand? command))
        {
            switch (command)
            {
                case RaiseEpoch:
                    _simulation.Record.Raise(
                        _id,
                        _owned,
                        epoch => Hear(() =>
                        {
                            _owned = true;
                            _simulation.Counts.Epochs++;
                            _protocol.EpochRaised(epoch, _case.Stages);
                        }),
                        () => Hear(_protocol.EpochLost),
                        () => Hear(_protocol.EpochFailed));
                    break;
                case AttachStage(long epoch, int stage):
                    _simulation.Network.Send<AttachReply>(
                        call => _simulation.SiloOf(stage).Attach(epoch, stage, call),
                        reply => Hear(() => Attached(epoch, stage, reply)),
                        _ => Hear(() => _protocol.AttachFailed(epoch, stage)));
                    break;
                case ExecuteStep(StepBatch batch):
                    _simulation.Counts.Steps++;
                    var step = new Call<bool>(
                        _ => Hear(() => _protocol.StepReturned(batch.Epoch, batch.Number)),
                        refusal => Hear(() =>
                        {
                            if (_case.Mutation == Mutation.BlameLostCalls) refusal ??= new StageRefusal(RefusalReason.Threw, batch.Epoch);
                            _protocol.StepFailed(batch.Epoch, batch.Number, refusal);
                        }));
                    _simulation.Execute(batch, null, 0, this, step);
                    break;
                case Deliver(Guid subscription):
                    Answer(subscription);
                    break;
                case StartTimer(CoordinatorTimer timer, TimeSpan due):
                    _simulation.Time.After(due.TotalMilliseconds, () => Hear(() => _protocol.TimerElapsed(timer)));
                    break;
                case StandDown(TimeSpan pause):
                    _simulation.Counts.Fenced++;
                    Kill();
                    _simulation.StoodDown(this, pause.TotalMilliseconds);
                    break;
            }
        }
    }

    private void Attached(long epoch, int stage, AttachReply reply)
    {
        if (reply.Refusal is null) _incarnations[stage] = reply.Incarnations;
        if (_case.Mutation == Mutation.AdoptFromOneStage)
        {
            if (stage == 0) _firstStage = reply.Blocks;
            else reply = reply with { Blocks = _firstStage };
        }

        _protocol.Attached(epoch, stage, reply);
        if (_adopted || State != CoordinatorState.Running) return;
        _adopted = true;
        _simulation.Counts.Adopted += CachedBlocks.Count();
    }
}
