using DistributedGpt.Client;
using DistributedGpt.Engine;
using DistributedGpt.Models;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using static DistributedGpt.Engine.CoordinatorCommand;

namespace DistributedGpt.Cluster;

/// <summary>
/// Drives the <see cref="CoordinatorProtocol"/> of one replica: carries its commands to the record, the stages and the clients, and
/// their answers back. What is decided is decided there; here are the calls, the timers and the waiting clients.
/// <para>
/// Roles: the only writer of the replica's record. It loads the replica's parts through their grains as they were planned, and sends
/// each step to the silo of the first stage; the last stage calls <see cref="Completed"/>.
/// </para>
/// <para>
/// Phases: without a plan (only Load is served), loading, serving. Every member runs on the grain's scheduler, so the protocol
/// is never used by two threads; calls interleave at their awaits, and after every input the commands are carried out.
/// </para>
/// <para>
/// Crash case: an activation made anew reads the record and raises the epoch, which fences its predecessor. One that was fenced
/// deactivates and waits first, so that the two do not chase each other.
/// </para>
/// </summary>
[KeepAlive, Reentrant, ReplicaPlacement]
internal sealed partial class CoordinatorGrain(
    RecordStore records,
    SiloStore store,
    SiloAgents agents,
    StageServices stages,
    LivingSilos silos,
    PartPlacement parts,
    ILocalSiloDetails local,
    ILogger<CoordinatorGrain> logger) : Grain, ICoordinatorControl
{
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(500);

    /// <summary>A drain that a recovery interrupts is tried again, so often.</summary>
    private const int MostDrains = 5;

    private readonly Guid _id = Guid.NewGuid();
    private readonly HeldAnswers _held = new();
    private readonly CancellationTokenSource _stopping = new();
    private ReplicaKey? _key;
    private ReplicaJournal? _journal;
    private StagePlacement? _placement;
    private LoadReporter? _reporter;
    private CoordinatorProtocol? _protocol;
    private Scheduler? _scheduler;
    private StepSender? _steps;
    private ReplicaRecord? _record;
    private StageSpec[] _stages = [];
    private TaskCompletionSource<string?>? _loaded;
    private Task _raising = Task.CompletedTask;
    private bool _unloading;
    private bool _ending;
    private readonly SemaphoreSlim _moving = new(1);
    private readonly Dictionary<PartKey, long> _incarnations = [];
    private ReplicaMigration? _migration;
    private Task _keeping = Task.CompletedTask;
    private int _migrations;
    private ReplicaMetrics? _metrics;
    private Recovery? _recovery;
    private long _attachedEpoch;
    private long _servedEpoch;
    private string? _noRoom;

    private ReplicaKey Key => _key ??= ReplicaKey.Parse(this.GetPrimaryKeyString());

    private ReplicaJournal Journal => _journal ??= new ReplicaJournal(records, Key, _id);

    private StagePlacement Placement => _placement ??= new StagePlacement(Key, silos, store, logger);

    private LoadReporter Reporter => _reporter ??= new LoadReporter(Key, GrainFactory);

    /// <inheritdoc/>
    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        if (await Journal.ReadAsync() is { } record) Begin(record);
        Run(WatchSilosAsync());
        Run(Reporter.RunAsync(() => _protocol is null ? null : (_protocol.State, _scheduler!.Status), _stopping.Token));
    }

    /// <inheritdoc/>
    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _metrics?.Dispose();
        await _stopping.CancelAsync();
        _held.ReleaseAll();
        _migration?.End("the coordinator ends here");
    }

    public async Task<string?> Load(ReplicaRecord plan)
    {
        PlacementHint.Forget();
        if (_protocol is null)
        {
            try
            {
                // Before the record is written: a folder that cannot be used here leaves none.
                store.CurrentFolder(plan.Model.Path);
                if (await Journal.CreateAsync(plan) is not { } record) return $"{Key}: replica: is being loaded by another coordinator";
                _loaded = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
                Begin(record);
            }
            catch (ModelFormatException e)
            {
                return e.Message;
            }
        }

        return _loaded is null ? null : await _loaded.Task;
    }

    public Task<ReplicaReport?> GetReport() => Task.FromResult(_record is { } record && _scheduler is { } scheduler && _protocol is { } protocol
        ? new ReplicaReport(Key.Index, protocol.State, local.Name, record.Epoch, [.. record.Plan.Stages.Select(Describe)], scheduler.Status, Reporter.TokensPerSecond)
        : null);

    public async Task Unload(bool now)
    {
        _unloading = true;
        _ending |= now;
        while (!_ending && _protocol is { HasStreams: true }) await Task.Delay(HeldAnswers.Heartbeat, _stopping.Token);

        // A load or a migration that is under way would bring parts that nobody releases.
        await _moving.WaitAsync(_stopping.Token);
        _moving.Release();
        while (!_raising.IsCompleted) await _raising;
        await AbandonAsync();
    }

    public async Task<string?> Drain(SiloAddress silo)
    {
        string? error = null;
        for (int attempt = 0; attempt < MostDrains; attempt++)
        {
            if (_record is not { } record || !record.Plan.Stages.Any(stage => record.SiloOf(stage).Equals(silo))) return null;
            try
            {
                error = await MigrateAsync(await Placement.MoveOffAsync(record, silo), record);
            }
            catch (InsufficientMemoryException e)
            {
                return e.Message;
            }

            if (error is not null) await Task.Delay(RetryPause, _stopping.Token);
        }

        return error;
    }

    public async Task<RebalanceReport> Rebalance(string[] others, bool weigh)
    {
        var report = new RebalanceReport(Key.Model, Key.Index, [], 0, 0, null);
        if (_record is not { } record || silos.LostStages(record).Length > 0) return report with { Error = $"{Key} does not serve now" };
        try
        {
            RebalancePlan plan = await Placement.RebalanceAsync(record, agents, others);
            report = report with { TokensPerSecondBefore = plan.TokensPerSecondBefore, TokensPerSecondAfter = plan.TokensPerSecondAfter };
            if (!plan.IsWorthwhile) return report;
            if (weigh) return report with { Moves = plan.Moves };
            return await MigrateAsync(plan.Record, record) is { } error ? report with { Error = error } : report with { Moves = plan.Moves };
        }
        catch (InsufficientMemoryException e)
        {
            return report with { Error = e.Message };
        }
    }

    public Task<DeliverySession?> Submit(GenerateRequest request, Guid subscription)
    {
        // One that was accepted before may be submitted again: its client has lost an answer, or its replica.
        if (_protocol is null || (_unloading && request.Submission == 1 && !_scheduler!.Contains(request.Id)))
            throw new RequestRefusedException(RequestRefusedException.ModelNotFound, $"The model '{Key.Model}' is not loaded.", "model");
        DeliverySession? session = _protocol.Submit(request, subscription);
        CarryOut();
        return Task.FromResult(session);
    }

    public Task Cancel(Guid request, int submission)
    {
        _protocol?.Cancel(request, submission);
        CarryOut();
        return Task.CompletedTask;
    }

    public async Task<TokenBatch> Next(Guid subscription, DeliveryAck ack)
    {
        TokenBatch batch = Answer(subscription, ack);
        if (_protocol is null || batch.Entries.Length > 0) return batch;
        await _held.WaitAsync(subscription, _stopping.Token);
        return Answer(subscription, ack);
    }

    public Task Completed(long epoch, int number, SampledToken[] tokens)
    {
        _protocol?.Completed(epoch, number, tokens);
        CarryOut();
        return Task.CompletedTask;
    }

    private TokenBatch Answer(Guid subscription, DeliveryAck ack)
    {
        TokenBatch batch = _protocol?.Next(subscription, ack) ?? new TokenBatch(default, 0, [], Recovers: true);
        CarryOut();
        return batch;
    }

    private void Begin(ReplicaRecord record)
    {
        ModelConfig config = store.Folder(record.Model.Path).Config;
        Follow(record);
        var options = new SchedulerOptions
        {
            ContextLength = config.ContextLength,
            VocabularySize = config.VocabularySize,
            MaxInFlight = record.Plan.Stages.Length,
            TokenBudget = TokenBudget(record),
        };
        _steps = new StepSender(Key, stages, logger);
        _scheduler = new Scheduler(options, new BlockPool(record.KvBlocks), new BlockHasher(record.Fingerprint));
        _protocol = new CoordinatorProtocol(_id, _scheduler, new CoordinatorOptions { StepTimeout = _steps.TimeoutOf });
        _metrics = new ReplicaMetrics(Key);
        _protocol.Start();
        CarryOut();
    }

    private void Follow(ReplicaRecord record)
    {
        int hidden = store.Folder(record.Model.Path).Config.HiddenSize;
        _record = record;
        _stages = [.. record.Plan.Stages.Select((stage, index) =>
            new StageSpec(Key, index, stage, record.SiloOf(stage), record.Plan.Stages.ElementAtOrDefault(index + 1) is { } next ? record.SiloOf(next) : null, hidden, record.KvBlocks))];
    }

    private StageReport Describe(PlanStage stage) =>
        new(stage.FirstLayer, stage.LayerCount, stage.Embedding, stage.Head, _record!.NameOf(stage));

    /// <summary>Rows per step: where a step crosses a border, its frame must stay below 2 MiB.</summary>
    private int TokenBudget(ReplicaRecord record) => record.Plan.Stages.Length == 1
        ? 512
        : Math.Clamp((2 << 20) / (store.Folder(record.Model.Path).Config.HiddenSize * sizeof(float)), StepBatch.BlockSize, 512);

    private void CarryOut()
    {
        FollowState();
        while (_protocol is not null && _protocol.TryTake(out CoordinatorCommand? command))
        {
            switch (command)
            {
                case RaiseEpoch raise:
                    // The first epoch of a replica is a load.
                    if (_record!.Epoch > 0 && raise.Migration is null) _recovery ??= new Recovery(Key, logger);
                    _raising = RaiseEpochAsync(raise.Migration);
                    Run(_raising);
                    break;
                case FinishCopies finish:
                    Run(FinishCopiesAsync(finish));
                    break;
                case GiveUpMigration giveUp:
                    if (_migration?.Id == giveUp.Migration) EndMigration("a step was lost, or the copy could not be finished");
                    break;
                case AttachStage attach:
                    Run(AttachAsync(attach));
                    break;
                case ExecuteStep execute:
                    if (execute.Batch.Rebuild is { } range) _recovery?.Rebuilds(range, execute.Batch.RowCount);
                    Run(ExecuteAsync(execute.Batch));
                    break;
                case Deliver deliver:
                    _held.Release(deliver.Subscription);
                    break;
                case StartTimer timer:
                    Run(ElapseAsync(timer));
                    break;
                case StandDown standDown:
                    Run(StandDownAsync(standDown.Pause));
                    break;
            }
        }

        if (_scheduler is not null) _metrics?.Observe(_scheduler);
    }

    private async void Run(Task task)
    {
        try
        {
            await task;
        }
        catch (Exception e) when (!_stopping.IsCancellationRequested)
        {
            LogCommandFailed(e, Key);
        }
        catch (Exception)
        {
            // The activation is ending; its successor raises a new epoch.
        }
    }

    /// <summary>Moves parts so that the replica stands as <paramref name="planned"/> says, with their caches, while it serves.</summary>
    /// <returns>Null, or why they stay where they are.</returns>
    private async Task<string?> MigrateAsync(ReplicaRecord planned, ReplicaRecord record)
    {
        await _moving.WaitAsync(_stopping.Token);
        try
        {
            if (_record != record || _unloading || _protocol is not { State: CoordinatorState.Running }) return $"{Key}: its plan has changed meanwhile: try again";
            var migration = new ReplicaMigration(agents, Key, ++_migrations, record, planned, _incarnations, logger);
            _migration = migration;
            try
            {
                if (await migration.BeginAsync() is { } error)
                {
                    EndMigration(error);
                    return error;
                }

                // What would stand in the pause happens before it once: the call that takes the rest, which then is what the last steps
                // change, and runs code that has run; and the look at the living silos.
                await migration.FinishAsync(_scheduler!.LiveBlocks);
                await silos.RefreshAsync();
                migration.Times.Copied();
                _protocol.Migrate(migration.Id, record.Epoch);
                CarryOut();
            }
            catch (Exception e) when (!_stopping.IsCancellationRequested)
            {
                EndMigration(e.Message);
            }

            string? outcome = await migration.Outcome;
            await _keeping;
            return outcome;
        }
        finally
        {
            _moving.Release();
        }
    }

    private async Task FinishCopiesAsync(FinishCopies finish)
    {
        ReplicaMigration migration = _migration!;
        try
        {
            migration.Times.Drained();
            Dictionary<long, long> copies = await migration.FinishAsync(finish.LiveBlocks);
            migration.Times.Finished();
            _protocol!.Copied(finish.Migration, copies);
        }
        catch (Exception e) when (!_stopping.IsCancellationRequested)
        {
            LogCommandFailed(e, Key);
            _protocol!.CopyFailed(finish.Migration);
        }

        CarryOut();
    }

    /// <param name="error">Null, or why the migration was given up.</param>
    private void EndMigration(string? error)
    {
        _migration?.End(error);
        _migration = null;
        _keeping = KeepPlanAsync();
        Run(_keeping);
    }

    /// <summary>Tells every silo what is to be left there, until it has heard it or there is another plan.</summary>
    private async Task KeepPlanAsync()
    {
        if (_record is not { } record) return;
        int migration = _migrations + 1;
        await Task.WhenAll(silos.Members.Select(TellAsync));

        async Task TellAsync(SiloAddress silo)
        {
            while (_record == record && migration > _migrations && !silos.IsLost(silo))
            {
                try
                {
                    await agents[silo].Keep(Key, record, migration);
                    return;
                }
                catch (Exception) when (!_stopping.IsCancellationRequested)
                {
                    await Task.Delay(RetryPause, _stopping.Token);
                }
            }
        }
    }

    private async Task RaiseEpochAsync(Guid? migration)
    {
        try
        {
            if (migration is null) await silos.RefreshAsync();
            ReplicaRecord? raised = await Journal.RaiseAsync(_protocol!.Epoch == 0, record => PlaceAsync(record, migration));
            if (raised is null)
            {
                _protocol.EpochLost();
                CarryOut();
                return;
            }

            _recovery?.Recorded();
            if (migration is not null) _migration?.Times.Recorded();
            Follow(raised);
            bool committed = migration is not null && raised.Migration == migration;
            if (!committed && await parts.LoadAsync(Key, raised, _stopping.Token) is { } error)
            {
                LogLoadFailed(Key, error);
                if (_loaded is { Task.IsCompleted: false })
                {
                    await AbandonAsync();
                    _loaded.TrySetResult(error);
                    return;
                }

                _protocol!.EpochFailed(error);
            }
            else
            {
                _recovery?.Loaded();
                _scheduler!.Resize(raised.Plan.Stages.Length, TokenBudget(raised));
                _protocol!.EpochRaised(raised.Epoch, raised.Plan.Stages.Length);
                LogAttaching(Key, raised.Epoch);
            }
        }
        catch (InsufficientMemoryException e)
        {
            if (_noRoom != e.Message) LogNoRoom(Key, e.Message);
            _noRoom = e.Message;
            _protocol?.EpochFailed(e.Message);
        }
        catch (Exception e) when (!_stopping.IsCancellationRequested)
        {
            // Whatever it is, storage that is away among it, the next try may succeed, and there is no other way on.
            LogCommandFailed(e, Key);
            _protocol?.EpochFailed();
        }

        CarryOut();
    }

    /// <summary>The record with the stages where they are to be: where a migration wants them, or off the silos that are lost.</summary>
    private async Task<ReplicaRecord> PlaceAsync(ReplicaRecord record, Guid? migration)
    {
        if (_migration is { } moving && moving.Id == migration && moving.Before.Epoch == record.Epoch && silos.LostStages(moving.Planned).Length == 0) return moving.Planned;
        return await Placement.ReplaceLostAsync(record);
    }

    /// <summary>Tells the protocol at once when a silo of the plan is gone, rather than when a call to it fails.</summary>
    private async Task WatchSilosAsync()
    {
        await foreach (ClusterMembershipSnapshot _ in silos.Changes.WithCancellation(_stopping.Token))
        {
            if (_record is null || silos.LostStages(_record).Length == 0) continue;
            _protocol?.Replan();
            CarryOut();
        }
    }

    /// <summary>The first load failed, or the replica is unloaded: nothing is left behind, and nobody computes any more.</summary>
    private async Task AbandonAsync()
    {
        _migration?.End($"{Key} is unloaded");
        _protocol = null;
        if (_record is not null) await parts.ReleaseAsync(Key);
        await Journal.ClearAsync();
        DeactivateOnIdle();
    }

    private async Task AttachAsync(AttachStage attach)
    {
        try
        {
            StageSpec stage = _stages[attach.Stage];
            AttachReply reply = await stages[stage.Silo].Attach(stage, attach.Epoch, _record!.Migration);
            if (reply.Refusal is null && attach.Epoch == _protocol?.Epoch) Note(stage, reply.Incarnations);
            _protocol?.Attached(attach.Epoch, attach.Stage, reply);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogCommandFailed(e, Key);
            _protocol?.AttachFailed(attach.Epoch, attach.Stage);
        }

        CarryOut();
    }

    private void Note(StageSpec stage, long[] incarnations)
    {
        int i = 0;
        foreach (PartKey part in PartKey.OfStage(Key, stage.Stage)) _incarnations[part] = incarnations[i++];
    }

    /// <summary>Does what is due once in an epoch, when all stages follow it and when their caches are whole.</summary>
    private void FollowState()
    {
        if (_protocol is not { State: CoordinatorState.Rebuilding or CoordinatorState.Running } protocol) return;
        if (_attachedEpoch != protocol.Epoch)
        {
            _attachedEpoch = protocol.Epoch;
            _recovery?.Attached();
        }

        if (protocol.State != CoordinatorState.Running || _servedEpoch == protocol.Epoch) return;
        _servedEpoch = protocol.Epoch;
        Serves();
    }

    /// <summary>All stages follow the epoch, with their caches.</summary>
    private void Serves()
    {
        _loaded?.TrySetResult(null);
        _recovery?.Rebuilt(_record!.Epoch);
        (_recovery, _noRoom) = (null, null);
        bool committed = _migration is { } migration && migration.Id == _record!.Migration;
        if (committed)
        {
            _migration!.Times.Attached();
            _raising = parts.LoadAsync(Key, _record!, _stopping.Token);
            Run(_raising);
        }

        EndMigration(committed ? null : "a recovery came before it");
    }

    private async Task ExecuteAsync(StepBatch batch)
    {
        await _steps!.SendAsync(batch, _stages[batch.Rebuild?.Entry ?? 0], _protocol!);
        CarryOut();
    }

    private async Task ElapseAsync(StartTimer timer)
    {
        await Task.Delay(timer.Due, _stopping.Token);
        _protocol?.TimerElapsed(timer.Timer);
        CarryOut();
    }

    private async Task StandDownAsync(TimeSpan pause)
    {
        LogFenced(Key);
        _migration?.End("another coordinator has taken over");
        await Task.Delay(pause, _stopping.Token);
        DeactivateOnIdle();
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Replica}: attaching under epoch {Epoch}")]
    private partial void LogAttaching(ReplicaKey replica, long epoch);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Replica}: a call of the coordinator failed")]
    private partial void LogCommandFailed(Exception exception, ReplicaKey replica);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Replica}: layers have no place, requests wait: {Reason}")]
    private partial void LogNoRoom(ReplicaKey replica, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Replica}: cannot be loaded: {Error}")]
    private partial void LogLoadFailed(ReplicaKey replica, string error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Replica}: another coordinator has taken over")]
    private partial void LogFenced(ReplicaKey replica);
}
