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
    private readonly HashSet<Guid> _finishedEarly = [];
    private readonly Dictionary<int, long[]> _shown = [];
    private readonly Dictionary<int, long[]> _rebuilt = [];
    private readonly HashSet<long> _served = [];
    private long _servedEpoch;
    private BlockFill[] _firstStage = [];
    private SimulatedRecord? _record;
    private SimulatedMigration? _migration;
    private int _migrations;
    private Dictionary<long, long> _copies = [];
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

    public StagePlan Plan => _record!.Plan;

    public bool IsMigrating => _migration is not null;

    /// <summary>The blocks that it would share, with their hashes.</summary>
    public IEnumerable<BlockFill> CachedBlocks =>
        from block in Enumerable.Range(0, _pool.Count) where _pool.HashOf(block) is not null select new BlockFill(block, _pool.HashOf(block)!.Value);

    public void Kill() => IsAlive = false;

    public void Replan() => Hear(_protocol.Replan);

    /// <summary>Whether these are the incarnations with which the stage attached last.</summary>
    public bool Knows(int stage, long[] incarnations) => _incarnations.TryGetValue(stage, out long[]? known) && known.SequenceEqual(incarnations);

    /// <summary>Layers are to be moved to other silos: copied while steps run, and then in one moment.</summary>
    public void Rebalance() => Hear(BeginMigration);

    public void Submit(GenerateRequest request, Guid subscription, Call<DeliverySession?> call) =>
        Take(call, () => call.Return(_protocol.Submit(request, subscription)));

    public void Cancel(Guid request, int submission, Call<bool> call) => Take(call, () =>
    {
        if (State == CoordinatorState.Rebuilding && _scheduler.Contains(request)) _simulation.Counts.CancelledInRebuild++;
        _protocol.Cancel(request, submission);
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

    private void BeginMigration()
    {
        if (State != CoordinatorState.Running || _migration is not null) return;
        StagePlan plan = _simulation.RandomPlan();
        var moves = new List<(int Target, LayerMove Move)>();
        for (int layer = 0; layer < _case.Layers; layer++)
        {
            int stage = Plan.StageOf(layer);
            PlanStage now = Plan.Stages[stage], then = plan.Stages[plan.StageOf(layer)];
            if (now.Silo != then.Silo) moves.Add((then.Silo, new LayerMove(layer, now.Silo, _incarnations[stage][layer - now.FirstLayer])));
        }

        _simulation.Counts.Migrations++;
        var migration = new SimulatedMigration(
            SimulationCase.Name(_case.Seed, 4, _simulation.Random.Next(short.MaxValue)), Epoch, ++_migrations, plan,
            moves.GroupBy(move => move.Target).ToDictionary(group => group.Key, group => group.Select(move => move.Move).ToArray()));
        _migration = migration;
        _copies = [];
        ToTargets<bool>(
            migration,
            (target, call) => _simulation.Silo(target).BeginCopy(migration, call),
            _ => { },
            () => FinishEarly(migration),
            () => EndMigration(migration.Id));
    }

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
        if (State == CoordinatorState.Running && _servedEpoch != Epoch) Serves();
        while (_protocol.TryTake(out CoordinatorCommand? command))
        {
            switch (command)
            {
                case RaiseEpoch raise:
                    _simulation.Record.Raise(
                        _id,
                        _owned,
                        raise.Migration is { } id && _migration?.Id == id ? _migration : null,
                        record => Hear(() =>
                        {
                            _owned = true;
                            _simulation.Counts.Epochs++;
                            Load(record);
                        }),
                        () => Hear(_protocol.EpochLost),
                        () => Hear(() => _protocol.EpochFailed()));
                    break;
                case FinishCopies finish:
                    FinishCopies(finish.Migration, finish.LiveBlocks);
                    break;
                case GiveUpMigration giveUp:
                    EndMigration(giveUp.Migration);
                    break;
                case AttachStage(long epoch, int stage):
                    PlanStage spec = Plan.Stages[stage];
                    _simulation.Network.Send<AttachReply>(
                        call => _simulation.Find(spec.FirstLayer, call)?.Attach(epoch, stage, spec, call),
                        reply => Hear(() => Attached(epoch, stage, reply)),
                        _ => Hear(() => _protocol.AttachFailed(epoch, stage)));
                    break;
                case ExecuteStep(StepBatch batch):
                    _simulation.Counts.Steps++;
                    if (batch.Rebuild is not null) Count(batch, batch.Rebuild);
                    var step = new Call<bool>(
                        _ => Hear(() => _protocol.StepReturned(batch.Epoch, batch.Number)),
                        refusal => Hear(() =>
                        {
                            if (_case.Mutation == Mutation.BlameLostCalls) refusal ??= new StageRefusal(RefusalReason.Threw, batch.Epoch);
                            _protocol.StepFailed(batch.Epoch, batch.Number, refusal);
                        }));
                    Send(batch, step);
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

        if (_case.Mutation == Mutation.KnownEarly && reply.Refusal is null)
        {
            bool wasShown = _shown.TryGetValue(stage, out long[]? shown) && shown.SequenceEqual(reply.Incarnations);
            _shown[stage] = reply.Incarnations;
            if (wasShown && _rebuilt.TryGetValue(stage, out long[]? before)) reply = reply with { Incarnations = before };
            _incarnations[stage] = reply.Incarnations;
        }

        BlockFill[] cached = [.. CachedBlocks];
        _protocol.Attached(epoch, stage, reply);
        if (_case.Mutation == Mutation.KeepUnused && State == CoordinatorState.Rebuilding) _pool.Adopt(cached.Select(block => (block.Block, block.Hash)));
    }

    /// <summary>All stages follow the epoch, and their caches are whole.</summary>
    private void Serves()
    {
        _servedEpoch = Epoch;
        _migration = null;
        KeepPlan();
        _served.Clear();
        foreach ((int stage, long[] incarnations) in _incarnations)
        {
            _rebuilt[stage] = incarnations;
            _served.UnionWith(incarnations);
        }

        if (_adopted) return;
        _adopted = true;
        _simulation.Counts.Adopted += CachedBlocks.Count();
    }

    private void Count(StepBatch batch, StageRange range)
    {
        SimulationCounts counts = _simulation.Counts;
        counts.RebuildSteps++;
        if (batch.Number != batch.FirstOfRun) return;
        if (range.First > 0) counts.RebuiltFromLog++;
        else counts.RebuiltFromIds++;
        _simulation.RebuildBegins();
        if (batch.FirstOfRun > 0) counts.RebuiltApart++;
        int[] lost = [.. Enumerable.Range(range.First, range.End - range.First).Where(stage => !_incarnations[stage].All(_served.Contains))];
        if (lost.Length > 1) counts.NeighboursRebuilt++;
        if (lost.Length < range.End - range.First) counts.RebuiltForTheirLog++;
    }

    private void Send(StepBatch batch, Call<bool> step)
    {
        if (batch.Rebuild is not null && _case.Mutation == Mutation.NoRebuildWait) _simulation.Time.After(0, () => step.Return(true));
        if (batch.Rebuild is not null && _case.Mutation == Mutation.RowsLate)
        {
            batch = batch with { Sequences = Array.FindAll(batch.Sequences, rows => _scheduler.Contains(rows.Id.Request)) };
            int[] written = [.. batch.Sequences.SelectMany(rows => rows.BlockTable)];
            batch = batch with { Fills = Array.FindAll(batch.Fills, fill => written.Contains(fill.Block)) };
        }

        int entry = batch.Rebuild?.Entry ?? 0;
        _simulation.Execute(batch, null, entry, Plan.Stages[entry].FirstLayer, this, step);
    }

    /// <summary>Loads every stage where the record has it.</summary>
    private void Load(SimulatedRecord record)
    {
        _record = record;
        int left = record.Plan.Stages.Length;
        bool failed = false;
        foreach (PlanStage stage in record.Plan.Stages)
        {
            _simulation.Network.Send<bool>(
                call => _simulation.Silo(stage.Silo).Load(record, stage, call),
                _ => Hear(() =>
                {
                    if (--left > 0 || failed) return;
                    _scheduler.Resize(record.Plan.Stages.Length, _case.Scheduling.TokenBudget);
                    _protocol.EpochRaised(record.Epoch, record.Plan.Stages.Length);
                }),
                _ => Hear(() =>
                {
                    if (!failed) _protocol.EpochFailed();
                    failed = true;
                }),
                timeout: 100);
        }
    }

    /// <summary>Tells every silo what is to be left there, until it has heard it.</summary>
    private void KeepPlan()
    {
        foreach (SimulatedSilo silo in _simulation.Members) Tell(silo, _record!);

        void Tell(SimulatedSilo silo, SimulatedRecord record)
        {
            if (!IsAlive || record != _record || silo.IsLost) return;
            _simulation.Network.Send<bool>(
                call => silo.Keep(record, _migration?.Number ?? _migrations + 1, call),
                _ => { },
                _ => _simulation.Time.After(20, () => Tell(silo, record)),
                timeout: 100);
        }
    }

    private void FinishCopies(Guid id, int[] live)
    {
        if (_migration is not { } migration || migration.Id != id) return;
        if (_finishedEarly.Contains(id)) _protocol.Copied(id, _copies);
        else ToTargets<Dictionary<long, long>>(
            migration, (target, call) => _simulation.Silo(target).FinishCopy(id, live, call), Take, () => _protocol.Copied(id, _copies), () => _protocol.CopyFailed(id));
    }

    private void FinishEarly(SimulatedMigration migration) => ToTargets<Dictionary<long, long>>(
        migration,
        (target, call) => _simulation.Silo(target).FinishCopy(migration.Id, _scheduler.LiveBlocks, call),
        Take,
        () =>
        {
            if (_case.Mutation == Mutation.NoDrain) _finishedEarly.Add(migration.Id);
            _protocol.Migrate(migration.Id, migration.Epoch);
        },
        () => EndMigration(migration.Id));

    private void Take(Dictionary<long, long> copies)
    {
        foreach ((long before, long after) in copies) _copies[before] = after;
    }

    private void EndMigration(Guid id)
    {
        if (_migration?.Id != id) return;
        _simulation.Counts.MigrationsGivenUp++;
        _migration = null;
        KeepPlan();
    }

    private void ToTargets<T>(SimulatedMigration migration, Action<int, Call<T>> ask, Action<T> answered, Action done, Action failed)
    {
        int left = migration.Moves.Count;
        bool ended = left == 0;
        if (ended) done();
        foreach (int target in migration.Moves.Keys)
        {
            _simulation.Network.Send<T>(
                call => ask(target, call),
                answer => Hear(() =>
                {
                    answered(answer);
                    if (--left > 0 || ended) return;
                    ended = true;
                    done();
                }),
                _ => Hear(() =>
                {
                    if (ended) return;
                    ended = true;
                    failed();
                }),
                timeout: 400);
        }
    }
}
