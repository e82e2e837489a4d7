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
/// each step into the first stage's first layer; the last stage calls <see cref="Completed"/>.
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
[KeepAlive, Reentrant]
internal sealed partial class CoordinatorGrain(
    RecordStore records,
    SiloStore store,
    SiloAgents agents,
    LivingSilos silos,
    PartPlacement parts,
    ILocalSiloDetails local,
    ILogger<CoordinatorGrain> logger) : Grain, ICoordinatorControl
{
    private static readonly TimeSpan MovePause = TimeSpan.FromMilliseconds(10);

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
    private ReplicaRecord? _moving;
    private ReplicaMetrics? _metrics;
    private Recovery? _recovery;

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
    }

    public async Task<string?> Load(ReplicaRecord plan)
    {
        if (_protocol is null)
        {
            try
            {
                // Before the record is written: a folder that cannot be used here leaves none.
                store.Folder(plan.Model.Path);
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
        while (!_ending && _scheduler?.Status is { } status && status.Running + status.Waiting > 0) await Task.Delay(HeldAnswers.Heartbeat, _stopping.Token);

        // A load that is under way would bring parts that nobody releases.
        while (!_raising.IsCompleted) await _raising;
        await AbandonAsync();
    }

    public async Task<string?> Drain(SiloAddress silo)
    {
        if (_record is not { } record || !record.Plan.Stages.Any(stage => record.SiloOf(stage).Equals(silo))) return null;
        try
        {
            ReplicaRecord moved = await Placement.MoveOffAsync(record, silo);

            // While the old place still serves.
            foreach (PlanStage stage in moved.Plan.Stages.Where((stage, index) => record.SiloOf(record.Plan.Stages[index]).Equals(silo)))
            {
                if (await agents[moved.SiloOf(stage)].Preload([.. PartKey.OfStage(Key, stage)], moved) is { } error) return error;
            }

            if (_record != record) return $"{Key}: its plan has changed meanwhile: try again";
            _moving = moved;
            _protocol!.Replan();
            CarryOut();
            while (_record.Plan.Stages.Any(stage => _record.SiloOf(stage).Equals(silo)) || _protocol.State != CoordinatorState.Running)
                await Task.Delay(MovePause, _stopping.Token);
            await agents[silo].Release(Key);
            return null;
        }
        catch (InsufficientMemoryException e)
        {
            return e.Message;
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

    public Task Cancel(Guid request)
    {
        _protocol?.Cancel(request);
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
        TokenBatch batch = _protocol?.Next(subscription, ack) ?? new TokenBatch(default, 0, []);
        CarryOut();
        return batch;
    }

    private void Begin(ReplicaRecord record)
    {
        ModelFolder folder = store.Folder(record.Model.Path);
        ModelConfig config = folder.Config;
        Follow(record);
        int stages = record.Plan.Stages.Length;
        var options = new SchedulerOptions
        {
            ContextLength = config.ContextLength,
            VocabularySize = config.VocabularySize,
            MaxInFlight = stages,
            TokenBudget = TokenBudget(config.HiddenSize, stages),
        };
        _steps = new StepSender(Key, GrainFactory, logger);
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
        _stages = [.. record.Plan.Stages.Select((stage, index) => new StageSpec(Key, index, stage, hidden))];
    }

    private StageReport Describe(PlanStage stage) =>
        new(stage.FirstLayer, stage.LayerCount, stage.Embedding, stage.Head, _record!.SiloNames[stage.Silo]);

    /// <summary>Rows per step: where a step crosses a border, its frame must stay below 2 MiB.</summary>
    private static int TokenBudget(int hidden, int stages) =>
        stages == 1 ? 512 : Math.Clamp((2 << 20) / (hidden * sizeof(float)), StepBatch.BlockSize, 512);

    private void CarryOut()
    {
        while (_protocol is not null && _protocol.TryTake(out CoordinatorCommand? command))
        {
            switch (command)
            {
                case RaiseEpoch:
                    // The first epoch of a replica is a load.
                    if (_record!.Epoch > 0) _recovery ??= new Recovery(Key, logger);
                    _raising = RaiseEpochAsync();
                    Run(_raising);
                    break;
                case AttachStage attach:
                    Run(AttachAsync(attach));
                    break;
                case ExecuteStep execute:
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

    private async Task RaiseEpochAsync()
    {
        try
        {
            await silos.RefreshAsync();
            ReplicaRecord? raised = await Journal.RaiseAsync(_protocol!.Epoch == 0, PlaceAsync);
            if (raised is null)
            {
                _protocol.EpochLost();
                CarryOut();
                return;
            }

            _recovery?.Recorded();
            Follow(raised);
            if (await parts.LoadAsync(Key, raised, _stopping.Token) is { } error)
            {
                LogLoadFailed(Key, error);
                if (_loaded is { Task.IsCompleted: false })
                {
                    await AbandonAsync();
                    _loaded.TrySetResult(error);
                    return;
                }

                _protocol!.EpochFailed();
            }
            else
            {
                _recovery?.Loaded();
                _protocol!.EpochRaised(raised.Epoch, raised.Plan.Stages.Length);
                LogAttaching(Key, raised.Epoch);
            }
        }
        catch (Exception e) when (!_stopping.IsCancellationRequested)
        {
            // Whatever it is, storage that is away among it, the next try may succeed, and there is no other way on.
            LogCommandFailed(e, Key);
            _protocol?.EpochFailed();
        }

        CarryOut();
    }

    /// <summary>The record with the stages where they are to be: where a drain wants them, or off the silos that are lost.</summary>
    private async Task<ReplicaRecord> PlaceAsync(ReplicaRecord record)
    {
        (ReplicaRecord? moving, _moving) = (_moving, null);
        if (moving is not null && moving.Epoch == record.Epoch && silos.LostStages(moving).Length == 0) return moving;
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
        _protocol = null;
        if (_record is not null) await parts.ReleaseAsync(Key, _record);
        await Journal.ClearAsync();
        DeactivateOnIdle();
    }

    private async Task AttachAsync(AttachStage attach)
    {
        try
        {
            StageSpec stage = _stages[attach.Stage];
            AttachReply reply = await FirstLayer(stage).Attach(stage, attach.Epoch);
            _protocol?.Attached(attach.Epoch, attach.Stage, reply);
            if (_protocol?.State == CoordinatorState.Running)
            {
                _loaded?.TrySetResult(null);
                _recovery?.Attached(_record!.Epoch);
                _recovery = null;
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogCommandFailed(e, Key);
            _protocol?.AttachFailed(attach.Epoch, attach.Stage);
        }

        CarryOut();
    }

    private async Task ExecuteAsync(StepBatch batch)
    {
        await _steps!.SendAsync(batch, _protocol!);
        CarryOut();
    }

    private ILayerGrain FirstLayer(StageSpec stage) =>
        GrainFactory.GetGrain<ILayerGrain>(new PartKey(Key, PartKind.Layer, stage.Stage.FirstLayer).GrainKey);

    private async Task ElapseAsync(StartTimer timer)
    {
        await Task.Delay(timer.Due, _stopping.Token);
        _protocol?.TimerElapsed(timer.Timer);
        CarryOut();
    }

    private async Task StandDownAsync(TimeSpan pause)
    {
        LogFenced(Key);
        await Task.Delay(pause, _stopping.Token);
        DeactivateOnIdle();
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Replica}: attaching under epoch {Epoch}")]
    private partial void LogAttaching(ReplicaKey replica, long epoch);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Replica}: a call of the coordinator failed")]
    private partial void LogCommandFailed(Exception exception, ReplicaKey replica);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Replica}: cannot be loaded: {Error}")]
    private partial void LogLoadFailed(ReplicaKey replica, string error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Replica}: another coordinator has taken over")]
    private partial void LogFenced(ReplicaKey replica);
}
